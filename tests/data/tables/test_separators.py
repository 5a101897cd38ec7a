"""What a file is, detected from its first lines, and when the reader asks instead of guessing."""

import polars as pl
import pytest

from gnnseg.data.tables import separators
from gnnseg.data.tables.settings import FileSettings
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **options):
    columns = {**NONE, **{key: options.pop(key) for key in list(options) if key in NONE}}
    return separators.read(path, columns, FileSettings(**options))


@pytest.mark.parametrize(
    ("name", "text", "said", "rows"),
    [
        (
            "t.csv",
            "user,item\na,x\nb,y\n",
            "separated by comma, 2 columns; user='user', item='item'",
            2,
        ),
        (
            "t.csv",
            "userId,movieId,rating,timestamp\n1,2,3.5,964982703\n",
            "weight='rating', time='timestamp'",
            1,
        ),
        (
            "t.tsv",
            "User ID\tProduct_ID\na b\tx,y\n",
            "separated by tab, 2 columns; user='User ID', item='Product_ID'",
            1,
        ),
        ("t.csv", "user;item;note\na;x;1,5\nb;y;2,5\n", "separated by semicolon", 2),
        ("t.csv", "user|item\na|x\n", "separated by bar", 1),
        ("t.csv", 'user,item\n"a;b",x\n', "separated by comma", 1),
        (
            "user_artists.dat",
            "userID\tartistID\tweight\n2\t51\t13883\n",
            "user='userID', item='artistID', weight='weight'",
            1,
        ),
        (
            "u.data",
            "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
            "MovieLens' u.data, no header",
            2,
        ),
        (
            "ratings.dat",
            "1::1193::5::978300760\n1::661::3::978302109\n",
            "MovieLens' ratings.dat, no header",
            2,
        ),
        ("train.txt", "0 1 2 3\n1 4\n2 5 6\n", "lines 'user item item …'", 6),
        (
            "toy.inter",
            "user_id:token\titem_id:token\trating:float\n1\t2\t3\n",
            "RecBole atomic file; user='user_id'",
            1,
        ),
        ("toy.txt", "user_id:token\titem_id:token\n1\t2\n", "RecBole atomic file", 1),
    ],
)
def test_known_formats_are_detected_and_noted(tmp_path, name, text, said, rows):
    found = read(put(tmp_path, text, name))
    assert found.note.startswith(f"{name}: ")
    assert said in found.note
    assert len(found.sheet.frame) == rows
    assert found.columns["user"] in found.sheet.frame.columns
    assert found.columns["item"] in found.sheet.frame.columns


def test_parquet_is_told_by_its_first_bytes(tmp_path):
    pl.DataFrame({"customer": ["a"], "sku": ["x"]}).write_parquet(tmp_path / "t.data")
    found = read(tmp_path / "t.data")
    assert found.note == "t.data: Parquet, 1 rows; user='customer', item='sku'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "user item\na x\n",
            r"cannot tell what separates its columns "
            r"\(none of the usual stands there; .* data.separator",
        ),
        ("a,b;c,d\n1,2;3,4\n", r"it could be comma or semicolon"),
        (
            "1 2 3\n1 4 5\n2 2 1\n",
            r"may be lines 'user item item …' or a table; set data.format=lightgcn",
        ),
        (
            "1,2,3\n1,4,5\n",
            r"no column for data.user; it has no header: column_1 \('1'\), column_2 \('2'\)",
        ),
        ("who,what\na,x\n", r"no column for data.user; it has 'who', 'what': set data.user=COLUMN"),
        (
            "user,customer,item\na,b,x\n",
            r"user may be column 'user' or 'customer'; set data.user=COLUMN\.",
        ),
        (
            "user,item,time,date\na,x,1,2\n",
            r"time may be column 'time' or 'date'; .*\(data.time='' for none\)",
        ),
    ],
)
def test_unsure_asks(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        read(put(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_what_was_asked_can_be_answered(tmp_path):
    assert read(put(tmp_path, "user item\na x\n"), separator="space").sheet.frame.rows() == [
        ("a", "x")
    ]
    path = put(tmp_path, "1 2 3\n1 4 5\n2 2 1\n")
    assert len(read(path, format="lightgcn").sheet.frame) == 6
    path = put(tmp_path, "user,item,time,date\na,x,1,2\n")
    assert read(path, time="").columns["time"] is None
    assert read(path, time="date").columns["time"] == "date"
    assert read(put(tmp_path, "who,what\na,x\n"), user="who", item="what").columns["user"] == "who"
    path = put(tmp_path, "a,b;c,d\n1,2;3,4\n")
    assert read(path, user="a,b", item="c,d", separator=";").sheet.frame.rows() == [("1,2", "3,4")]


def test_a_named_column_is_not_taken_twice(tmp_path):
    found = read(put(tmp_path, "user,item,rating,count\na,x,1,2\n"), spend="count")
    assert found.columns == {
        "user": "user",
        "item": "item",
        "weight": "rating",
        "time": None,
        "spend": "count",
    }


@pytest.mark.parametrize(
    ("given", "hint"), [(",", "it seems to be tab"), ("semicolon", "it seems to be tab")]
)
def test_a_wrong_separator_is_named(tmp_path, given, hint):
    with pytest.raises(
        InputError, match=rf"data.separator={given} does not stand in its first line; {hint}"
    ):
        read(put(tmp_path, "user\titem\na\tx\n"), separator=given)
    with pytest.raises(InputError, match="data.separator: is empty"):
        read(put(tmp_path, "user\titem\na\tx\n"), separator="")
    with pytest.raises(InputError, match="a table needs at least two columns"):
        read(put(tmp_path, "user\na\n"), separator=",")


def test_a_ragged_line_early_in_the_file_is_still_named(tmp_path):
    with pytest.raises(InputError, match="line 3: has 3 columns where the first line has 2"):
        read(put(tmp_path, "user,item\na,x\nb,y,z\n"))
