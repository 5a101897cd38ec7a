"""What stands above the rows: comments, a header, none, and names that are none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import headers, separators
from gnnseg.data.tables.settings import FileSettings
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
NAMED = {**NONE, "user": "column_1", "item": "column_2"}
ROWS = "".join(
    f"A{n % 7:05d}XQ{{0}}P{n % 5:03d}{{0}}{1 + n % 5}.0{{0}}{1704106800 + n}\n" for n in range(40)
)


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_table_without_a_header_keeps_its_first_row(tmp_path, mark):
    path = put(tmp_path, ROWS.format(mark))
    found = separators.read(path, {**NAMED, "time": "column_4"})
    assert len(found.sheet.frame) == 40
    assert found.sheet.frame.row(0) == ("A00000XQ", "P000", "1704106800")
    assert found.sheet.line(0) == 1
    assert "no header" in found.note
    with pytest.raises(InputError) as caught:
        separators.read(path, NONE)
    assert "it has no header: column_1 ('A00000XQ'), column_2 ('P000')" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "below", "absent"),
    [
        (["18", "39"], [["12", "11"], ["11", "7"]], True),
        (["u1", "i1"], [["u2", "i7"], ["u11", "i3"]], True),
        (["2024-01-05", "Tea"], [["2024-01-06", "Tea"], ["2024-02-06", "Jam"]], True),
        (["ann", "tea"], [["ann", "jam"], ["bob", "tea"]], True),
        (["who", "what"], [["ann", "jam"], ["bob", "tea"]], False),
        (["eve", "17"], [["ann", "3"], ["bob", "5"]], True),
        (["user", "17"], [["u1", "3"], ["u2", "5"]], False),
        (["0", "1"], [["18", "39"], ["12", "11"]], False),  # as pandas names columns
        (["Anna", "1.5"], [["Bob", "2.5"], ["Anna", "0.5"]], True),
    ],
)
def test_a_header_differs_in_kind_from_its_columns(first, below, absent):
    assert headers.is_absent([first, *below]) is absent
    assert not headers.is_absent([first, *below], named=[first[-1]])


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(2, 5),
    rows=st.integers(3, 12),
    header=st.booleans(),
    data=st.data(),
)
def test_rows_of_ids_and_numbers_are_told_from_names(tmp_path_factory, width, rows, header, data):
    """Columns of one form each: the first row is data exactly where no names were written."""
    numbers = [data.draw(st.booleans()) for _ in range(width)]
    cells = [
        [
            str(data.draw(st.integers(2, 999))) if number else f"id{data.draw(st.integers(2, 99))}"
            for number in numbers
        ]
        for _ in range(rows)
    ]
    names = [f"name{'abcde'[place]}" for place in range(width)]
    text = "".join(",".join(row) + "\n" for row in ([names] if header else []) + cells)
    path = put(tmp_path_factory.mktemp("head"), text)
    found = separators.whole(path)
    assert found.sheet.frame.rows() == [tuple(row) for row in cells]


def test_a_header_can_be_told(tmp_path):
    path = put(tmp_path, "7,9\n1,2\n3,4\n")
    assert separators.whole(path, FileSettings(header="first")).sheet.frame.columns == ["7", "9"]
    path = put(tmp_path, "user,item\na,x\n")
    found = separators.whole(path, FileSettings(header="none")).sheet
    assert found.frame.rows() == [("user", "item"), ("a", "x")]


@pytest.mark.parametrize(
    ("top", "rows"),
    [
        ("# a report\n# of May\n#\n\nuser,item\n", [("a", "x"), ("b", "y")]),
        ("% sym\nuser,item\n", [("a", "x"), ("b", "y")]),
    ],
)
def test_comments_above_the_header_go_and_lines_count_on(tmp_path, top, rows):
    found = separators.whole(put(tmp_path, top + "a,x\nb,y\n"))
    assert found.sheet.frame.rows() == rows
    assert found.sheet.frame.columns == ["user", "item"]
    assert found.sheet.line(0) == top.count("\n") + 1
    assert "of comments left out" in found.note


def test_a_header_behind_a_hash_is_a_header(tmp_path):
    found = separators.whole(put(tmp_path, "#user,item\na,x\n"))
    assert found.sheet.frame.columns == ["#user", "item"]
    snap = "# Directed graph\n# Nodes: 4 Edges: 3\n# From\tTo\n0\t1\n0\t2\n5\t7\n"
    found = separators.whole(put(tmp_path, snap))
    assert found.sheet.frame.columns == ["From", "To"]
    assert found.sheet.frame.rows() == [("0", "1"), ("0", "2"), ("5", "7")]


def test_lines_at_the_top_are_skipped_where_told(tmp_path):
    path = put(tmp_path, "Sales report, 2024; May\n\nuser,item\na,x\n")
    found = separators.whole(path, FileSettings(skip=1))
    assert found.sheet.frame.rows() == [("a", "x")]
    assert found.sheet.line(0) == 4


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["user,item,w,,", "user,item,w"])
def test_separators_at_the_end_of_lines_are_no_columns(tmp_path, mark, header):
    text = f"{header}\na,x,1,,\nb,y,2,,\nb,x,,,\n".replace(",", mark)
    found = separators.read(put(tmp_path, text), NONE)
    assert found.names == ["user", "item", "w"]
    assert found.sheet.frame.rows() == [("a", "x"), ("b", "y"), ("b", "x")]


def test_a_header_alone_may_end_with_a_separator(tmp_path):
    found = separators.read(put(tmp_path, "user;item;\r\na;x\r\nb;y\r\n"), NONE)
    assert found.sheet.frame.rows() == [("a", "x"), ("b", "y")]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path):
    found = separators.read(put(tmp_path, ",user,item\n0,a,x\n1,b,y\n"), NONE)
    assert found.names == ["column_1", "user", "item"]


def test_rows_of_separators_alone_go(tmp_path):
    found = separators.read(put(tmp_path, "user,item,w\na,x,1\n,,\nb,y,2\n,,\r\n,,"), NONE)
    assert found.sheet.frame.rows() == [("a", "x"), ("b", "y")]
    assert found.sheet.line(1) == 4
    assert "3 empty rows left out" in found.note


def test_numbers_between_blanks_are_a_table_beside(tmp_path):
    path = put(tmp_path, "18 39 0.5\n12   11 1\n 11 7 2\n", "ties.txt")
    found = separators.whole(path, FileSettings(format="table"))
    assert found.sheet.frame.rows() == [("18", "39", "0.5"), ("12", "11", "1"), ("11", "7", "2")]


def test_row_names_as_r_writes_them_are_a_column_without_a_name(tmp_path):
    rows = "".join(f'"{n + 1}" "a{n % 5}" "x{n % 7}"\n' for n in range(9))
    found = separators.read(
        put(tmp_path, f'"user" "item"\n{rows}'), NONE, FileSettings(separator="space")
    )
    assert found.names == ["column_1", "user", "item"]
    assert found.sheet.frame.row(1) == ("a1", "x1")
    assert found.sheet.line(1) == 3
    with pytest.raises(InputError, match="line 2: has 3 columns where the first line has 2"):
        separators.read(put(tmp_path, "user,item\na,x,y\na,y,z\n"), NONE)


def test_a_title_and_what_is_no_table_are_named(tmp_path):
    with pytest.raises(InputError, match=r"data.separator, or data.skip=1 if that line is a title"):
        separators.read(put(tmp_path, "Sales report 2024\n\nuser,item\na,x\nb,y\n"), NONE)
    with pytest.raises(InputError, match="Python's way of writing rows"):
        separators.read(put(tmp_path, "{u'user': u'a', 'item': 1}\n{u'user': u'b'}\n"), NONE)


@pytest.mark.parametrize("mark", ["\x01", "\x1f", "^", "~"])
def test_rare_separators_are_found_where_no_usual_one_stands(tmp_path, mark):
    found = separators.read(put(tmp_path, f"user{mark}item\na{mark}x\nb{mark}y\n"), NONE)
    assert found.sheet.frame.rows() == [("a", "x"), ("b", "y")]
    with pytest.raises(InputError, match="cannot tell what separates"):
        separators.read(put(tmp_path, f"user{mark}item\na{mark}x\nb\n"), NONE)
