"""Readers against a slow oracle (Python's csv), and every refusal by its line."""

import csv
import gzip
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import formats
from gnnseg.types import InputError


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


CELLS = st.text(st.sampled_from("ab \",;\n'é☃0"), max_size=5)


@settings(max_examples=50, deadline=None)
@given(
    width=st.integers(2, 4),
    rows=st.integers(1, 6),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    data=st.data(),
)
def test_a_table_is_what_csv_wrote(tmp_path_factory, width, rows, separator, ends, last, data):
    cells = [[data.draw(CELLS) for _ in range(width)] for _ in range(rows)]
    cells[0][0] = cells[0][0] or "x"
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=ends)
    writer.writerow([f"c{n}" for n in range(width)])
    writer.writerows(cells)
    text = out.getvalue()
    path = put(tmp_path_factory.mktemp("csv"), text if last else text.removesuffix(ends))
    found = formats.sheet(path, separator=separator)
    got = [["" if cell is None else cell for cell in row] for row in found.frame.rows()]
    assert got == [row for row in cells if any(row)]  # rows of separators alone go
    row, line = 0, 2  # the line each row starts on, by counting
    for wrote in cells:
        if any(wrote):
            assert found.line(row) == line
            row += 1
        line += 1 + sum(cell.count("\n") for cell in wrote)


def test_blank_lines_are_left_out_and_lines_still_counted(tmp_path):
    found = formats.sheet(put(tmp_path, "a,b\n\n1,2\n  \n3,4\n\n\n"), separator=",")
    assert found.frame.rows() == [("1", "2"), ("3", "4")]
    assert [found.line(0), found.line(1)] == [3, 5]


def test_byte_order_mark_old_line_ends_and_gzip(tmp_path):
    expected = [("1", "2")]
    assert (
        formats.table(put(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n"), separator=",").rows()
        == expected
    )
    assert formats.table(put(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n"), separator=",").columns == [
        "a",
        "b",
    ]
    assert formats.table(put(tmp_path, b"a,b\r1,2\r"), separator=",").rows() == expected
    assert (
        formats.table(put(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz"), separator=",").rows()
        == expected
    )


def test_other_encodings_are_read_when_named(tmp_path):
    path = put(tmp_path, "user,item\nJosé,1\n".encode("latin-1"))
    assert formats.table(path, separator=",", encoding="latin-1")["user"][0] == "José"
    path = put(tmp_path, "user,item\nJosé,1\n".encode("utf-16"))
    assert formats.table(path, separator=",", encoding="utf-16")["user"][0] == "José"
    with pytest.raises(InputError, match=r"data.encoding=martian: no such encoding"):
        formats.table(path, separator=",", encoding="martian")
    with pytest.raises(InputError, match="is not shift-jis text"):
        formats.table(put(tmp_path, b"a,b\n\xff\xff,1\n"), separator=",", encoding="shift-jis")


def test_blanks_inside_and_doubled_quotes_are_read_right(tmp_path):
    path = put(tmp_path, 'user,item\n"Ann ""the"" Lee","a, b"\nBo Ek,"two\nlines"\n')
    assert formats.table(path, separator=",").rows() == [
        ('Ann "the" Lee', "a, b"),
        ("Bo Ek", "two\nlines"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\n1,"2"\nx"y,3\n', 3),  # inside an unquoted cell, where others are quoted
        ('a,b\n"x"y,3\n', 2),  # closed before the cell ends
        ('a,b\n1,2\n3,4\n"x,5\n6,7\n', 4),  # never closed
        ('a,b\n"x,1\n"y",2\n', 3),  # never closed, and noticed where the next opens
    ],
)
def test_a_quote_out_of_place_is_named(tmp_path, text, line):
    with pytest.raises(
        InputError, match=rf"t\.csv, line {line}: a quote that does not open and close a whole cell"
    ):
        formats.sheet(put(tmp_path, text), separator=",")


def test_quotes_are_text_where_the_format_has_none(tmp_path):
    path = put(tmp_path, 'id\tname\n1\t"Weird Al\n2\tB"52s\n', "t.dat")
    assert formats.table(path, separator="\t", quote=False)["name"].to_list() == [
        '"Weird Al',
        'B"52s',
    ]


@pytest.mark.parametrize(
    ("text", "line", "columns"),
    [
        ("a,b\n1,2\n3\n", 3, 1),
        ("a,b\n1,2,3\n", 2, 3),
        ('a,b\n"x\ny",1\n\n5,6,7\n', 5, 3),
        ("a,b\n1,2,3\n4\n", 2, 3),
    ],
)
def test_a_ragged_line_is_named(tmp_path, text, line, columns):
    with pytest.raises(
        InputError, match=rf"line {line}: has {columns} columns where the first line has 2"
    ):
        formats.sheet(put(tmp_path, text), separator=",")


def test_two_character_separators(tmp_path):
    path = put(tmp_path, "1::Toy Story (1995)::Animation|Comedy\n2::A: B::Drama\n")
    frame = formats.table(path, separator="::", header=False, columns=["id", "name", "genres"])
    assert frame["name"].to_list() == ["Toy Story (1995)", "A: B"]
    with pytest.raises(InputError, match="line 2: has 2 columns where there should be 3"):
        formats.table(
            put(tmp_path, "1::a::b\n2::c\n"),
            separator="::",
            header=False,
            columns=["id", "name", "genres"],
        )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \n\n", "blank lines only"),
        (b"user,item\n", "holds a header and no rows"),
        (b"user,item\n1,2\n3,\x004\n", "line 3: a zero byte"),
        (
            "user,item\n1,2\nJosé,4\n".encode("latin-1"),
            r"line 3: not UTF-8 \(byte 0xe9\); .* data.encoding=latin-1",
        ),
        (b"PK\x03\x04rest", "is packed by zip and cannot be unpacked"),
        ("user,item\n".encode("utf-16"), "is UTF-16 text"),
        (bytes(range(1, 9)) * 40 + b"\xff\xfe", "is not a text file"),
        (b"\x1f\x8bbroken", "packed by gzip and broken"),
        (b"a,a\n1,2\n", "the column 'a' stands twice"),
        ("user,item\n1,2\nÃ".encode()[:-1], "line 3: not UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, data, words):
    with pytest.raises(InputError, match=words) as caught:
        formats.sheet(put(tmp_path, data), separator=",")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_a_folder_and_broken_parquet(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        formats.sheet(tmp_path / "none.csv", separator=",")
    with pytest.raises(InputError, match="is a folder"):
        formats.sheet(tmp_path, separator=",")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        formats.parquet(put(tmp_path, b"PAR1 nothing", "t.parquet"))
    pl.DataFrame({"user": [], "item": []}).write_parquet(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="holds no rows"):
        formats.parquet(tmp_path / "none.parquet")


def test_atomic_files_lose_their_types(tmp_path):
    path = put(tmp_path, 'user_id:token\titem_id:token\trating:float\n1\ta "b\t3\n', "x.inter")
    assert formats.atomic_file(path).frame.to_dicts() == [
        {"user_id": "1", "item_id": 'a "b', "rating": "3"}
    ]
    with pytest.raises(InputError, match="no RecBole header"):
        formats.atomic_file(put(tmp_path, "user\titem\n1\t2\n", "y.inter"))


def test_lists_of_items(tmp_path):
    found = formats.lists(put(tmp_path, "0 3 4\n\n1\n2 3 \n", "train.txt"))
    assert found.frame.rows() == [("0", "3"), ("0", "4"), ("2", "3")]
    assert [found.line(row) for row in range(3)] == [1, 1, 4]
    with pytest.raises(InputError, match=r"line 2: 'x7' is no id"):
        formats.lists(put(tmp_path, "0 3\n1 x7\n", "train.txt"))
    with pytest.raises(InputError, match="holds no interactions"):
        formats.lists(put(tmp_path, "0\n1\n", "train.txt"))
