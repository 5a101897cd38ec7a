"""Quotes as RFC 4180 has them, escaped by backslashes, or part of cells: against Python's csv."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import separators
from gnnseg.data.tables.settings import FileSettings
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
CELLS = st.text(st.sampled_from('ab "\\,;é'), max_size=5)


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), mark=st.sampled_from(",;"))
def test_backslashes_are_read_as_csv_writes_them(tmp_path_factory, rows, mark):
    rows = [(one or "x", other) for one, other in rows]
    out = io.StringIO()
    how = {"quoting": csv.QUOTE_ALL, "escapechar": "\\", "doublequote": False}
    writer = csv.writer(out, delimiter=mark, lineterminator="\n", **how)
    writer.writerows([("name", "what"), *rows])
    path = put(tmp_path_factory.mktemp("slash"), out.getvalue())
    found = separators.whole(
        path, FileSettings(separator=mark, quoting="backslash", header="first")
    )
    got = [(one, other or "") for one, other in found.sheet.frame.rows()]
    assert got == rows


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_the_only_reading_that_fits_is_taken_and_said(tmp_path, mark):
    inches = 'user,item,title\n1,P1,Screen 24" wide\n2,P2,Disc 12"\n'.replace(",", mark)
    found = separators.read(put(tmp_path, inches), {**NONE, "title": "title"})
    assert found.sheet.frame["title"].to_list() == ['Screen 24" wide', 'Disc 12"']
    assert "quotes taken as part of the cells" in found.note
    slash = 'user,item,title\n1,P1,"Screen 24\\" P1"\n2,P2,"a, \\\\ b"\n'.replace(",", mark)
    found = separators.read(put(tmp_path, slash), {**NONE, "title": "title"})
    assert found.sheet.frame["title"].to_list() == ['Screen 24" P1', f"a{mark} \\ b"]
    assert "quotes escaped by backslashes" in found.note


def test_backslashes_of_no_escape_stay(tmp_path):
    text = 'user,item\na,"C:\\dir ""x"""\nb,\\N\n'
    found = separators.read(put(tmp_path, text), NONE)
    assert found.sheet.frame["item"].to_list() == ['C:\\dir "x"', "\\N"]


@pytest.mark.parametrize(
    "text", ['user,item\na,x\n"b,y\n', 'user,item\n"a",x\n"b,y\n', 'user,item\na,"x"y\n']
)
def test_where_no_reading_is_plain_both_are_named(tmp_path, text):
    with pytest.raises(InputError) as caught:
        separators.read(put(tmp_path, text), NONE)
    assert "a quote that does not open and close a whole cell" in str(caught.value)
    assert "data.quoting=none" in str(caught.value)
    assert "data.quoting=backslash" in str(caught.value)
    separators.read(put(tmp_path, text), NONE, FileSettings(quoting="none"))


def test_text_as_excel_marks_it_keeps_its_zeros(tmp_path):
    path = put(tmp_path, 'user,item\n="00012",="7"\n"b=""1""",x=1\n')
    found = separators.read(path, NONE)
    assert found.sheet.frame.rows() == [("00012", "7"), ('b="1"', "x=1")]
