"""Tables beside the interactions are joined by the right ids, or refused with one of each side."""

import polars as pl
import pytest

import gnnseg
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import inspect
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError

NONE = dict.fromkeys(ROLES)
USERS, ITEMS = range(1, 41), [f"P{n:03}" for n in range(25)]
EVENTS = "user,item\n" + "".join(f"{u},{ITEMS[(u * k) % 25]}\n" for u in USERS for k in (1, 3, 7))


def put(folder, name, text):
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def lines(*columns, head, mark=","):
    rows = [mark.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([*([head] if head else []), *rows]) + "\n"


def load(tmp_path, events=EVENTS, **tables):
    paths = {
        name: put(tmp_path, f"{name}.csv", text) if "\n" in text else text
        for name, text in tables.items()
    }
    said = []
    reader = FileReader(path=put(tmp_path, "events.csv", events), **paths)
    return reader.read(Place(tmp_path, tmp_path, said.append), "file"), said


def refused(tmp_path, events=EVENTS, **tables):
    with pytest.raises(InputError) as caught:
        load(tmp_path, events, **tables)
    return str(caught.value)


AGES = [20 + u for u in USERS]
SEXES = ["fm"[u % 2] for u in USERS]


@pytest.mark.parametrize(
    "text",
    [
        lines(USERS, AGES, head="customer,age"),
        lines([f"{u}.0" for u in USERS], AGES, head="user,age"),
        lines(range(40), USERS, AGES, head=",customer,age"),
        lines(range(40), USERS, AGES, head="Unnamed: 0,wer,age"),
        lines(AGES, SEXES, USERS, head="age,gender,user"),
        lines(AGES, SEXES, USERS, head="age,gender,wer"),
        lines(reversed(range(40)), reversed(USERS), reversed(AGES), head="rang,id,age"),
        lines(USERS, AGES, head="Kunden Nr;age", mark=";"),
    ],
)
def test_the_column_of_ids_is_found_by_its_values(tmp_path, text):
    found, said = load(tmp_path, users=text)
    ages = dict(found.users.select("id", "age").rows())
    assert ages == {str(u): 20.0 + u for u in USERS}
    assert "knows 40 of 40 users by column" in said[-1]
    assert not {"", "Unnamed: 0", "column_1"} & set(found.users.columns)


def test_two_columns_that_could_be_ids_are_asked_about(tmp_path):
    text = lines(USERS, [41 - u for u in USERS], AGES, head="customer,client,age")
    sentence = refused(tmp_path, users=text)
    assert "'customer' (knows 40 of 40 users) or 'client' (knows 40 of 40 users)" in sentence
    assert sentence.endswith("set data.users_id=COLUMN.")
    found, _ = load(tmp_path, users=text, users_id="client")
    assert dict(found.users.select("id", "age").rows())["40"] == 21.0
    assert "no column 'clint'" in refused(tmp_path, users=text, users_id="clint")
    same = lines(USERS, USERS, AGES, head="customer,client,age")
    assert load(tmp_path, users=same)[0].users["client"].to_list() == list(USERS)


def test_a_table_of_strangers_is_refused_with_one_of_each_side(tmp_path):
    padded = "user,item\n" + "".join(f"{u:06},{ITEMS[u % 25]}\n" for u in USERS)
    sentence = refused(tmp_path, padded, users=lines(USERS, AGES, head="user,age"))
    assert "none of its 40 users is in the interactions ('1' here, '000001' there)" in sentence
    sentence = refused(tmp_path, items=lines([i.lower() for i in ITEMS], SEXES[:25], head="item,x"))
    assert "('p000' here, 'P000' there)" in sentence
    names = [f"U{u}" for u in USERS]  # ages are ids of somebody, by chance
    assert "('U1' here, '1' there)" in refused(tmp_path, users=lines(names, AGES, head="wer,age"))
    assert "'user' now" in refused(tmp_path, users=lines(names, AGES, head="user,age"))


def test_ties_and_relations_of_strangers_are_refused(tmp_path):
    sentence = refused(tmp_path, social=lines(["x", "y"], ["y", "z"], head="a,b"))
    assert "none of its 3 users is in the interactions ('x' here, '1' there)" in sentence


def test_few_of_many_is_no_stranger(tmp_path):
    found, said = load(tmp_path, users="user,age\n7,27\n")
    assert found.users.rows() == [("7", 27.0)]
    assert "knows 1 of 40 users" in said[-1]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (lines(USERS, [*USERS[1:], 1], head=None), 40),
        (lines(USERS, [*USERS[1:], 1], head="from,to"), 40),
        (lines(USERS, [*USERS[1:], 1], [1] * 40, head=None, mark=" "), 40),
        (lines(USERS, [*USERS[1:], 1], [1] * 40, head="a   b  c", mark="   "), 40),
        (lines(USERS, [*USERS[1:], 1], head=None, mark="\t"), 40),
    ],
)
def test_no_tie_is_lost_to_a_header_that_is_none(tmp_path, text, count):
    found, _ = load(tmp_path, social=text)
    assert len(found.social) == count
    assert found.social.row(0)[:2] == ("1", "2")


def test_a_first_line_of_names_is_data_too(tmp_path):
    events = "user,item\nanna,x\nbob,y\ncleo,x\n"
    found, _ = load(tmp_path, events, social="anna,bob\nbob,cleo\n")
    assert len(found.social) == 2
    found, _ = load(tmp_path, events, users="anna,30\nbob,40\ncleo,50\n")
    assert found.users.rows() == [("anna", 30.0), ("bob", 40.0), ("cleo", 50.0)]


@pytest.mark.parametrize("cells", ["1600000000", "1600000000000", "2024-01-31", "31.01.2024 10:00"])
def test_times_of_ties_are_no_weights(tmp_path, cells):
    text = lines(USERS, [*USERS[1:], 1], [cells] * 40, head="user_id,friend_id,x")
    assert "holds times" in refused(tmp_path, social=text)


def test_columns_of_numbers_keep_their_names_and_stay_numbers(tmp_path):
    items = lines(ITEMS, [f"{n},50" for n in range(25)], [f"0,{n:02}" for n in range(25)],
                  head="item;preis;gewicht", mark=";")  # fmt: skip
    found, _ = load(tmp_path, items=items)
    assert found.items.columns == ["id", "preis", "gewicht"]
    assert found.items.row(1) == ("P001", 1.5, 0.01)
    words = ["NULL", "\\N", "n/a", "unknown", "-", "?", "", "k.A."]
    ages = [words[u // 5] if u % 5 == 0 and u // 5 < 8 else 20 + u for u in USERS]
    found, _ = load(tmp_path, users=lines(USERS, ages, head="user,age"))
    assert found.users["age"].dtype == pl.Float64
    assert found.users["age"].null_count() == 7
    for price in ("${}.25", "{}.25 €", "EUR {}.25", "-{}.25 USD", "{}.25%"):
        items = lines(ITEMS, [price.format(n) for n in range(25)], head="item,price")
        found, _ = load(tmp_path, items=items)
        sign = -1 if price.startswith("-") else 1
        assert found.items["price"].to_list() == [sign * (n + 0.25) for n in range(25)]


def test_text_that_is_none_stays_text(tmp_path):
    text = lines(USERS, ["NA" if u % 2 else "EU" for u in USERS], head="user,region")
    found, _ = load(tmp_path, users=text)
    assert set(found.users["region"]) == {"NA", "EU"}


def test_rows_of_attributes_without_an_id_are_left_out(tmp_path):
    found, said = load(tmp_path, users="user,age\n1,21\nNULL,22\n,23\nNULL,24\n")
    assert found.users.rows() == [("1", 21.0)]
    assert "3 rows without an id left out" in said[-1]


def test_nobody_is_no_customer(tmp_path):
    words = ["NULL", "\\N", "NA", "None", "nan", "null", "<NA>", "N/A"]
    text = "user,item\n" + "".join(f"{u},a{u % 3}\n" for u in range(1, 9))
    text += "".join(f"{w},a1\n" for w in words) + ",a1\n"
    found, said = load(tmp_path, text)
    assert found.events["user"].n_unique() == 8
    assert found.rejected == {"no user": 9}
    assert found.rejected_examples == {"no user": "events.csv, line 10: 'NULL'"}
    assert "no user: <NA>, N/A, NA, NULL, None, \\N, nan, null" in said[-1]
    kept, _ = load(tmp_path, text, missing_ids="keep", on_error="drop")
    assert kept.events["user"].n_unique() == 16
    assert kept.rejected == {"no user": 1}
    assert "line 10: no user: 'NULL'" in refused(tmp_path, text, missing_ids="fail")
    shown = inspect.check(put(tmp_path, "events.csv", text), NONE)
    assert "9 rows are left out" in shown
    assert "--on-error" not in shown


def test_guests_are_no_customer(tmp_path):
    text = "user,item\n" + "".join(f"{u},a{u % 3}\n" for u in range(1, 9)) + "0,a1\n0,a2\n" * 20
    found, _ = load(tmp_path, text)
    assert found.events["user"].n_unique() == 8
    assert found.rejected == {"user 0 holds 83% of the events, as guests do": 40}
    kept, said = load(tmp_path, text, missing_ids="keep")
    assert len(kept.events) == 48
    assert "user 0 holds 83% of the events and is kept" in said[-1]
    assert "line 10: user 0 holds" in refused(tmp_path, text, missing_ids="fail")


def test_one_person_in_two_files_and_types(tmp_path):
    pl.DataFrame({"user": [1, 2], "item": ["x", "y"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"user": [1.0, 2.0], "item": ["y", "x"]}).write_parquet(tmp_path / "b.parquet")
    reader = FileReader(path=[str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")])
    said = []
    found = reader.read(Place(tmp_path, tmp_path, said.append), "file")
    assert found.events["user"].to_list() == ["1", "2", "1", "2"]
    assert "2 ids were written both ways" in said[-1]
    lost = pl.DataFrame({"user": [2.0**60, 2.0], "item": ["y", "x"]})
    lost.write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="row 1: user id has lost digits"):
        reader.read(Place(tmp_path, tmp_path, said.append), "file")


def test_lost_digits_are_refused_by_their_line(tmp_path):
    sentence = refused(tmp_path, "user,item\n12,x\n1.23457E+12,y\n")
    assert "line 3: user id has lost digits" in sentence
    assert "'1.23457E+12'" in sentence


def test_the_command_takes_the_columns_of_ids():
    from gnnseg.data.tables import typed

    words = ["o.csv", "--users-id", "nr", "--items-id", "sku", "--missing-ids", "keep"]
    assert typed.sort(words).options == {"users_id": "nr", "items_id": "sku", "missing_ids": "keep"}


def test_a_frame_is_joined_by_its_index():
    pd = pytest.importorskip("pandas")
    events = pd.DataFrame({"user": [1, 2, 3] * 3, "item": list("xyzyzxxyz")})
    people = pd.DataFrame({"age": [2, 3, 4], "customer": [1, 2, 3]})

    def ages(users, **how):
        found = gnnseg.interactions(events, users=users, **how)
        return dict(found.users.select("id", "age").rows())

    right = {"1": 2.0, "2": 3.0, "3": 4.0}
    assert ages(people) == right
    assert ages(people.set_index("customer")) == right
    assert ages(people.set_index("customer"), users_id="customer") == right
    assert ages(people[people["age"] > 3]) == {"3": 4.0}
    nameless = people.set_index("customer").rename_axis(None)
    with pytest.raises(InputError, match="set users_id=COLUMN"):
        ages(nameless)
    assert ages(nameless, users_id="index") == right
