"""What ``gnnseg data check`` proposes is what it read: the pasted command reads the same events."""

import csv
import io
import json
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnnseg.cli import main
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import checking, inspect, saved, typed
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
MANY = int(os.environ.get("GNNSEG_FUZZ", "0"))


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def pasted(command, folder):
    """Return what ``gnnseg train`` would read for the command, events and rows left out."""
    words = typed.sort(shlex.split(command)[2:])
    told = saved.settings_of(words, folder / "elsewhere")
    for word in words.rest:
        key, _, value = word.removeprefix("data.").partition("=")
        told[key] = value
    return FileReader(**told).read(Place(folder, folder, lambda _: None), "t")


def same(found, folder):
    raw = pasted(found.command, folder)
    assert raw.events.equals(found.events)
    return raw


HEADERS = [
    ["user", "item", "qty", "date"],
    ["Kunde", "Artikel", "Menge", "Betrag"],
    ["who", "what", "n", "when"],
    ["user_id:token", "item_id:token", "rating:float", "timestamp:float"],
    ["", "user", "item", "note"],
    ["customer", "sku", "total amount", "unixtime"],
    [],
]
NUMBERS = ["1", "2", "3.5", "-1", "1,5", "1.234,50", "1,234.50", "1.234", "x", "", "1e3", "0"]
DAYS = [
    *("2024-01-31", "31/01/2024", "03/04/2024", "1706659200", "1706659200000", "31.01.2024 18:30"),
    *("soon", "", "2024-02-01T10:00:00Z"),
]
IDS = ["u1", "u2", "17", "18", "19", "a b", "P|Q", "é", "", '12"', "x,y"]


@st.composite
def tables(draw):
    """Draw a file as people may have it, well formed or not."""
    header = draw(st.sampled_from(HEADERS))
    kinds = [draw(st.sampled_from([IDS, IDS[:5], NUMBERS, NUMBERS[:4], DAYS, DAYS[:2]]))
             for _ in range(4)]  # fmt: skip
    kinds[:2] = [IDS[:5], IDS[2:5]] if draw(st.booleans()) else kinds[:2]
    picks = [draw(st.lists(st.sampled_from(kind), min_size=1, max_size=3)) for kind in kinds]
    count = draw(st.integers(1, 30))
    rows = [[pick[(n * k) % len(pick)] for k, pick in enumerate(picks, 1)] for n in range(count)]
    out = io.StringIO()
    mark = draw(st.sampled_from(",;\t|"))
    writer = csv.writer(out, delimiter=mark, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([*([header] if header else []), *rows])
    text = draw(st.sampled_from(["", "# made\n# by me\n", "\n"])) + out.getvalue()
    return text.replace("\r\n", draw(st.sampled_from(["\r\n", f"{mark}\r\n"])))


@settings(max_examples=MANY or 100, deadline=None)
@given(
    text=tables(),
    name=st.sampled_from(["t.csv", "t.tsv", "t.dat", "t.inter"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    told=st.fixed_dictionaries(
        {},
        optional={
            "on_error": st.just("drop"),
            "decimal": st.sampled_from(["point", "comma"]),
            "dates": st.sampled_from(["dmy", "mdy"]),
            "header": st.sampled_from(["first", "none"]),
            "returns": st.sampled_from(["keep", "drop", "subtract"]),
            "basket": st.just("bar"),
            "unique": st.just("*"),
        },
    ),
    columns=st.sampled_from([NONE, {**NONE, "time": ""}, {**NONE, "weight": "", "spend": ""}]),
)
@example("1\t2\t3\t881250949\n2\t1\t3\t881250949\n", "u.data", "utf-8", {}, NONE)
@example("1 2 3\n2 1\n", "train.txt", "utf-8", {}, NONE)
@example('user,item,title\na,x,24" w\nb,y,2\n', "t.csv", "utf-8", {}, NONE)
@example('user,item,qty,total\na,x,1e3,"1,5"\nb,y,2,"2,5"\n', "t.csv", "utf-8", {}, NONE)
def test_the_pasted_command_reads_what_check_read(
    tmp_path_factory, text, name, encoding, told, columns
):
    folder = tmp_path_factory.mktemp("check")
    path = put(folder, text.encode(encoding), name)
    seen: list[str] = []
    try:
        found = checking.checked(path, columns, seen=seen, **told)
    except InputError as error:
        found, sentence = None, str(error)
    if found is None:
        assert "\n" not in sentence
    else:
        same(found, folder)


FILES = {
    "JSON lines": ("t.json", "".join(
        json.dumps({"customer": n % 7, "sku": f"s{n % 5}", "tags": ["a"]}) + "\n" for n in range(30)
    )),
    "no header": ("t.csv", "".join(f"u{n % 7},i{n % 5},{n % 3}\n" for n in range(30))),
    "backslashes": ("t.csv", "user,item,title\n" + "".join(
        f'{n % 7},{n % 5},"a \\" b"\n' for n in range(30)
    )),
    "inches": ("t.tsv", "user\titem\ttitle\n" + "".join(
        f'{n % 7}\t{n % 5}\tdisc 12"\n' for n in range(30)
    )),
    "comments": ("t.csv", "# a\n# b\nuser,item\n" + "".join(
        f"{n % 7},{n % 5}\n" for n in range(30)
    )),
    "atomic, by commas": ("t.inter", "user_id:token,item_id:token,rating:float\n" + "".join(
        f"{n % 7},{n % 5},{1 + n % 3}\n" for n in range(30)
    )),
    "trailing separators": ("t.csv", "user;item;;\n" + "".join(
        f"{n % 7};{n % 5};;\n" for n in range(30)
    ) + ";;;\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_kinds_of_files_are_read_whole(tmp_path, kind):
    name, text = FILES[kind]
    told = {"user": "column_1", "item": "column_2"} if kind == "no header" else {}
    found = checking.checked(put(tmp_path, text, name), {**NONE, **told})
    assert len(found.events) == 30
    assert found.events["user"].n_unique() == 7
    assert same(found, tmp_path).rejected == {}


def test_few_rows_are_left_out_and_many_are_refused(tmp_path):
    rows = [f"u{n % 7},i{n % 5},{1 + n % 3}\n" for n in range(200)]
    few = put(tmp_path, "user,item,qty\n" + "".join(rows) + "a,x,many\n", "few.csv")
    found = checking.checked(few, NONE)
    assert found.command.endswith("--on-error drop")
    assert len(same(found, tmp_path).events) == 200
    rows[:40] = [f"u{n % 7},i{n % 5},#VALUE!\n" for n in range(40)]
    many, seen = put(tmp_path, "user,item,qty\n" + "".join(rows), "many.csv"), []
    with pytest.raises(InputError) as caught:
        checking.checked(many, NONE, seen=seen)
    assert "40 of 200 rows cannot be read, more than 1%" in str(caught.value)
    assert "first: many.csv, line 2: '#VALUE!'" in str(caught.value)
    assert any(line.startswith("qty") for line in seen)
    assert any("160 events" in line for line in seen)
    found = checking.checked(many, NONE, on_error="drop")
    assert len(same(found, tmp_path).events) == 160


def test_where_every_row_fails_a_cell_and_the_reason_are_shown(tmp_path):
    path = put(tmp_path, "user,item,time\na,x,soon\nb,y,late\n")
    with pytest.raises(InputError, match=r"time cannot be read .*\(first: t.csv, line 2: 'soon'\)"):
        checking.checked(path, NONE)


@pytest.mark.parametrize("text", [
    "who,what,n\na,x,7\nb,y,8\na,y,9\n",
    "user,item,Order Date,created_at\na,x,2024-01-01,2024-01-02\nb,y,2024-01-01,2024-01-02\n",
    "user,item,date\na,x,03/04/2025\nb,y,05/06/2025\n",
])  # fmt: skip
def test_the_columns_are_shown_when_something_is_asked(tmp_path, capsys, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, text)
    assert main(["data", "check", "t.csv"]) == 2
    told = capsys.readouterr()
    for name in text.split("\n")[0].split(","):
        assert f"\n{name} " in told.out
    assert "different of" in told.out
    assert "--" in told.err


def test_a_quantity_is_no_item_and_a_word_of_spend_is_spend(tmp_path):
    rows = "".join(
        f"u{n % 7},{1 + (n % 9 == 0)},{n % 11}.5,{1700000000 + n},s{n % 5}\n" for n in range(60)
    )
    path = put(tmp_path, "customer,pieces,amount paid,stamp,code of it\n" + rows)
    found = checking.checked(path, NONE)
    words = shlex.split(found.command)
    assert words[3:] == [
        *("--user", "customer", "--item", "code of it", "--time", "stamp"),
        *("--spend", "amount paid"),
    ]  # fmt: skip
    same(found, tmp_path)
    alone = put(tmp_path, "".join(
        ",".join(line.split(",")[:2]) + "\n" for line in Path(path).read_text().splitlines()
    ), "alone.csv")  # fmt: skip
    with pytest.raises(InputError, match="no column for data.item"):
        checking.checked(alone, NONE)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train.txt", "valid.txt", "test.txt"], ["--valid", "--test"]),
        (["my.train.inter", "my.valid.inter", "my.test.inter"], ["--valid", "--test"]),
        (["train.csv", "dev.csv", "test.csv"], ["--valid", "--test"]),
        (["train.txt", "test.txt"], []),
        (["orders.csv", "valid.csv", "test.csv"], []),
    ],
)
def test_a_given_split_beside_is_proposed(tmp_path, names, parts):
    head = "user_id:token\titem_id:token\n" if names[0].endswith("inter") else "user\titem\n"
    rows = ["".join(f"{n % 4}\t{(n + k) % 5}\n" for n in range(9)) for k in range(3)]
    paths = [put(tmp_path, head + text, name) for name, text in zip(names, rows, strict=False)]
    found = checking.checked(paths[0], NONE)
    assert [word for word in shlex.split(found.command) if word in ("--valid", "--test")] == parts
    assert len(found.events) == (27 if parts else 9)
    same(found, tmp_path)


def test_a_user_whom_train_lacks_needs_leave(tmp_path):
    for name, text in (("train", "1 2 3\n2 1\n"), ("valid", "1 1\n2 2\n"), ("test", "9 2 1\n")):
        put(tmp_path, text, f"{name}.txt")
    found = checking.checked(str(tmp_path / "train.txt"), NONE)
    assert found.command.endswith("data.unseen_users=allow")
    same(found, tmp_path)


def test_check_is_what_the_command_prints(tmp_path):
    path = put(tmp_path, "user,item\na,x\nb,y\n")
    found = checking.checked(path, NONE)
    text = inspect.check(path, NONE)
    assert text.splitlines() == [*found.lines, "", "train on it:", found.command]
