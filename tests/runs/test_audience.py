"""People for items: against what the folder says, by every door."""

import hashlib
import json
import sqlite3
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from gnnseg.cli.audience import readable
from gnnseg.cli.command import main
from gnnseg.evaluation import audiences
from gnnseg.report import scores
from gnnseg.runs import audience, campaign, databases, export, loading, paces
from gnnseg.runs.run import Run
from gnnseg.types import InputError

DAY = 86_400.0
KINDS = ["distribution", "membership", "affinity", "hybrid", "dot"]


@pytest.fixture
def run(make_run, monkeypatch):
    """A run of a shop: customers come, items have a category and a price."""
    path, scorer = make_run()
    monkeypatch.setattr(loading, "scorer_of", lambda path: scorer)
    run = Run(path)
    users, items = len(run.stored.users), len(run.stored.items)
    folder, g = run.stored.folder, np.random.default_rng(0)
    pace = g.random(users)
    folder.write_parquet(
        "customers.parquet",
        pl.DataFrame(
            {
                "user": run.stored.users.ids.tolist(), "events": np.full(users, 20),
                "visits": np.full(users, 5.0), "spend": np.arange(users, dtype=float),
                "first": np.zeros(users), "last": np.arange(users) * DAY,
                "recent": np.zeros(users), "former": np.zeros(users), "pace": pace,
            }
        ),
    )  # fmt: skip
    folder.write_parquet(
        "items.parquet",
        pl.DataFrame(
            {
                "item": run.stored.items.ids.tolist(),
                "name": [run.stored.items.name(j) for j in range(items)],
                "category": ["WINE" if j % 5 == 0 else "BEER" for j in range(items)],
                "price": np.arange(items, dtype=float),
            }
        ),
    )
    record = folder.read_json()
    folder.write_json({**record, "data": {**record["data"], "end": 20 * DAY}})
    return Run(run.path)


def taken(run):
    pairs = run.stored.pairs
    return set(zip(pairs["user"].tolist(), pairs["item"].tolist()))


def slow(run, asked, days=30.0):
    """Each user's expected visits with any of these items; what they have is not taken again."""
    own, found = taken(run), {}
    pace = run.stored.frame("customers")["pace"].to_list()
    for u, user in enumerate(run.stored.users.ids):
        score = run.stored.scorer.block(torch.tensor([u]))[0].double()
        share = torch.softmax(score, 0).tolist()
        left = sum(s for j, s in enumerate(share) if (u, j) not in own)
        part = sum(share[j] for j in asked if (u, j) not in own) / left
        found[user] = pace[u] * days * (1 - (1 - part) ** 4)
    return found


def test_people_stand_by_what_they_are_expected_to_take(run):
    found = run.audience(item=["i3", "i7"], control=0.25, days=10)
    expected = slow(run, [3, 7], 10)
    assert found["user"].to_list() == sorted(expected, key=lambda u: -expected[u])
    np.testing.assert_allclose(found["expected"], [expected[u] for u in found["user"]], rtol=1e-5)
    np.testing.assert_allclose(found["chance"], 1 - np.exp(-found["expected"].to_numpy()))
    assert found["rank"].to_list() == list(range(1, 13))
    assert found["control"].to_list() == audience.controls(found["user"], 0.25, 0).tolist()
    where = dict(run.segments().select("user", "segment").rows())
    assert found["segment"].to_list() == [where[u] for u in found["user"]]
    own = taken(run)
    for user, bought in found.select("user", "bought").rows():
        u = run.stored.users.index(user)
        assert set(bought) == {f"i{j}" for j in (3, 7) if (u, j) in own}


def test_an_item_and_what_a_condition_finds_are_one(run):
    wine = [f"i{j}" for j in range(0, 25, 5)]
    by_id = run.audience(item=wine)
    assert run.audience(where="category == 'WINE'").equals(by_id)
    assert run.audience(where="category = 'WINE' AND price >= 0").equals(by_id)
    assert run.audience(where=["category = 'WINE'", "price < 1"])["expected"].sum() < (
        by_id["expected"].sum()
    )


def test_conditions_on_people_leave_out_the_others(run):
    found = run.audience(item="i1", where="spend > 5 and days_since < 12")
    assert set(found["user"]) == {f"u{u}" for u in (9, 10, 11)}
    table = {"customer": ["u3", "u9", "stranger"], "city": ["Rome", "Oslo", "Bonn"]}
    found = run.audience(item="i1", where="city = 'Oslo'", users=table, users_id="customer")
    assert found.select("user", "city").rows() == [("u9", "Oslo")]
    found = run.audience(item="i1", users={"id": ["u9"], "chance": ["high"], "bought": [3]})
    assert found.filter(pl.col("user") == "u9")["chance (users)"].to_list() == ["high"]
    assert found["chance"].dtype == pl.Float64


def test_a_segment_alone_is_the_chance_of_any_visit(run):
    found = run.audience(segment=2, control=0)
    members = run.segments().filter(pl.col("segment") == 2)["user"]
    assert set(found["user"]) == set(members)
    pace = dict(run.stored.frame("customers").select("user", "pace").rows())
    np.testing.assert_allclose(found["expected"], [30 * pace[u] for u in found["user"]])


def test_size_top_bought_and_excluded(run):
    everybody = run.audience(item="i2", control=0)
    assert run.audience(item="i2", size=3, control=0).equals(everybody.head(3))
    assert run.audience(item="i2", top="25%", control=0).equals(everybody.head(3))
    assert run.audience(item="i2", top=0.25, control=0).equals(everybody.head(3))
    item = min(j for _, j in taken(run))
    fresh = run.audience(item=f"i{item}", not_bought=True)
    have = {f"u{u}" for u, j in taken(run) if j == item}
    assert set(fresh["user"]) == set(everybody["user"]) - have
    assert "u4" not in run.audience(item="i2", exclude=["u4", "nobody"])["user"]


def test_the_control_group_is_of_the_seed_and_of_nobody_else():
    ids = [f"p{n}" for n in range(1000)]
    drawn = audience.controls(ids, 0.1, 0)
    assert 75 < drawn.sum() < 125  # 100 ± 2.6 standard deviations
    slow = [int(hashlib.sha256(f"0:{each}".encode()).hexdigest()[:16], 16) / 16**16 for each in ids]
    assert drawn.tolist() == [lot < 0.1 for lot in slow]
    shuffled = np.random.default_rng(0).permutation(1000)
    again = audience.controls([ids[n] for n in shuffled], 0.1, 0)
    assert {ids[n] for n in shuffled[again]} == set(np.array(ids)[drawn])
    more = audience.controls([*ids, *(f"q{n}" for n in range(500))], 0.1, 0)
    assert (more[:1000] == drawn).all()  # next week's list has others beside
    assert not (drawn & ~audience.controls(ids, 0.2, 0)).any()
    other = audience.controls(ids, 0.1, 1)
    assert (drawn & other).sum() < 30
    half = [audience.controls(ids, 0.1, seed)[:500].sum() for seed in range(20)]
    assert 40 < np.mean(half) < 60  # of no rank more than of another
    assert not audience.controls(ids, 0, 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_ranks_and_old_folders_do(make_run, kind):
    run = Run(*make_run(kind))
    found = run.audience(item="i3")
    events = np.bincount(run.stored.pairs["user"], minlength=12)
    share = audiences.interest(
        run.stored.scorer, torch.tensor([3]), paces.own(run.stored), again=False
    )
    expected = dict(zip(run.stored.users.ids, events * share))
    np.testing.assert_allclose(found["expected"], [expected[u] for u in found["user"]])
    assert ("segment" in found.columns) == (kind != "dot")
    assert "sure" not in found.columns
    named = run.audience(where="name = 'The item 7'")
    assert named.equals(run.audience(item="i7"))


MISTAKES = [
    ({}, "say of what"),
    ({"item": "i99"}, "item 'i99' is not known"),
    ({"item": []}, "the list is empty"),
    ({"item": "i1", "size": 0}, "at least 1 person"),
    ({"item": "i1", "size": 3, "top": 0.1}, "give one of them"),
    ({"item": "i1", "top": "200%"}, "such as 10% or 0.1"),
    ({"item": "i1", "top": "many"}, "such as 10% or 0.1"),
    ({"item": "i1", "control": 1.0}, "control=1.0: is a share"),
    ({"item": "i1", "days": 0}, "days=0: must be more than 0"),
    ({"segment": 9}, "segment 9: a-run has segments 1 to 3"),
    ({"segment": 1, "not_bought": True}, "not_bought: say of what"),
    ({"item": "i1", "exclude": ["nobody"]}, "none of its 1 users is known"),
    ({"item": "i1", "exclude": [f"u{u}" for u in range(12)]}, "nobody of a-run is left"),
    ({"where": "category = 'WIEN'"}, r"nothing meets it; category has 'WINE'"),
    ({"where": "categorie = 'WINE'"}, "no column 'categorie'; did you mean category"),
    ({"where": 'category = "WINE"'}, "text goes in single quotes, 'WINE'"),
    ({"where": "category = 5"}, "category is text"),
    ({"where": "price"}, "is no condition, which is true or false"),
    ({"where": "price > 3 and spend > 3"}, "price is of items, spend of people"),
    ({"where": "1 = 1"}, "names no column"),
    ({"where": "category = 'WINE"}, "is no condition"),
    ({"where": "order > 3"}, "a word of SQL in double ones"),
    ({"where": "category = 'WINE'; drop table x"}, "is no condition"),
    ({"where": "__import__('os').getcwd() = ''"}, "is no condition"),
    ({"where": "price > (select max(price) from self)"}, "is no condition"),
]


@pytest.mark.parametrize(("asked", "said"), MISTAKES)
def test_a_mistake_is_one_sentence(run, asked, said):
    with pytest.raises(InputError, match=said) as caught:
        run.audience(**asked)
    assert "\n" not in str(caught.value)


def test_nobody_is_certain_to_come_on_a_terminal():
    table = pl.DataFrame({"chance": [1.0, 0.9996, 0.5], "expected": 1.0, "bought": [[""]] * 3})
    assert readable(table)["chance"].to_list() == [">99.9%", ">99.9%", "50.0%"]


def test_of_an_order_alone_no_number_of_buyers_is_expected(run):
    found = campaign.read(run.stored, where="category == 'WINE'", control=0.5)
    assert "buyers" in "".join(campaign.sentences(replace(found, trusted=True)))
    said = campaign.sentences(replace(found, trusted=False))
    assert "buyers" not in "".join(said)
    assert said[-1].startswith("this run's objective learns an order, not probabilities")
    assert any(line.startswith("control group: ") for line in said)


def test_the_command_says_what_is_expected_and_writes_every_form(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(scores, "trusted", lambda config: True)
    (tmp_path / "out.csv").write_text("user\nu4\n", "utf-8")
    here = [str(run.path), "--where", "category == 'WINE'", "--exclude", str(tmp_path / "out.csv")]
    assert main(["audience", *here]) == 0
    said = capsys.readouterr().out
    found = run.audience(where="category == 'WINE'", exclude=["u4"])
    assert f"expected buyers within 30 days: {found['chance'].sum():.1f} (" in said
    drawn = found["control"].sum()
    assert f"control group: {drawn} people" in said
    assert main(["audience", *here, "--control", "1e-9"]) == 0
    assert "of so few nobody was drawn at 1e-09 a person" in capsys.readouterr().out
    assert f"{100 * found['chance'][-1]:.1f}%" in said
    assert ">99.9%" in said
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        assert main(["audience", *here, "--out", str(tmp_path / name)]) == 0
        read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}
        table = read[name.partition(".")[2]](tmp_path / name)
        assert table["user"].to_list() == found["user"].to_list()
        assert table.columns == found.columns
    assert pl.read_parquet(tmp_path / "a.parquet").equals(found)
    assert str(tmp_path / "a.csv") in capsys.readouterr().out
    assert main(["audience", *here, "--top", "none"]) == 2
    assert main(["recommend", str(run.path), "--item", "i3", "-k", "4"]) == 0
    assert "4 people of 12" in capsys.readouterr().out


def test_an_opt_out_in_another_spelling_leaves_nobody_in(run, tmp_path):
    ids = run.stored.frame("ids")
    padded = pl.when(pl.col("kind") == "user").then("id").otherwise("id")
    ids = ids.with_columns(id=padded.str.replace(r"^u(\d+)$", "00${1}"))
    run.stored.folder.write_parquet("ids.parquet", ids)
    run = Run(run.path)
    for spelt, said in (
        (["004", "5"], "user '5' is not known to a-run, and '005' is"),
        (["004", "9.00001E+14"], "user '9.00001E+14' has lost digits"),
    ):
        with pytest.raises(InputError) as caught:
            run.audience(item="i2", exclude=spelt)
        assert said in str(caught.value)
    assert len(run.audience(item="i2", exclude=["004", "bought elsewhere"])) == 11


def test_people_are_left_out_by_a_column_of_theirs(run, tmp_path, capsys):
    people, gone = tmp_path / "people.csv", tmp_path / "unsubscribed.csv"
    mails = "".join(f"u{u},U{u}@Shop.example\n" for u in range(12))
    people.write_text("user,E-Mail\n" + mails, "utf-8")
    gone.write_text("Email Address,when\n u4@shop.example,May\nx@y.example,June\n", "utf-8")
    ask = ["audience", str(run.path), "--item", "i3", "--users", str(people), "--out"]
    ask += [str(tmp_path / "a.csv"), "--exclude", str(gone), "--exclude-by"]
    assert main([*ask, "E-Mail"]) == 0
    assert "1 of 2 are no known E-Mail" in capsys.readouterr().err
    found = pl.read_csv(tmp_path / "a.csv")
    assert set(found["user"]) == {f"u{u}" for u in range(12)} - {"u4"}
    assert main([*ask, "mail"]) == 2
    assert "people have no such column" in capsys.readouterr().err
    gone.write_text("x@y.example\n", "utf-8")
    assert main([*ask, "E-Mail"]) == 2
    assert "none of its 1 is a known E-Mail" in capsys.readouterr().err
    people.write_bytes("user,E-Mail\nu1,jürgen@shop.example\n".encode("latin-1"))
    assert main([*ask, "E-Mail"]) == 2
    assert "save it as UTF-8 CSV" in capsys.readouterr().err


def test_recommend_finds_people_for_an_item(run, tmp_path, capsys):
    out = tmp_path / "people.parquet"
    assert main(["recommend", str(run.path), "--item", "i3", "-k", "4", "--out", str(out)]) == 0
    assert pl.read_parquet(out).equals(run.audience(item="i3", size=4, control=0))
    assert main(["recommend", str(run.path), "--item", "i3", "--only", "x.csv"]) == 2
    assert "gnnseg audience --exclude" in capsys.readouterr().err


def test_a_database_table_is_replaced_and_no_other(run, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    ask = ["audience", str(run.path), "--item", "i3", "--out", url, "--table", "spring"]
    assert main([*ask, "--size", "5"]) == 0
    assert main(ask) == 0
    with sqlite3.connect(tmp_path / "crm.db") as database:
        rows = database.execute("select user, rank, control from spring order by rank").fetchall()
        database.execute("create table people (id text)")
        database.execute("insert into people values ('anna')")
    found = run.audience(item="i3")
    assert rows == [(u, r, int(c)) for u, r, c in found.select("user", "rank", "control").rows()]
    assert main([*ask[:-1], "people"]) == 2
    assert "stands there with other columns (id)" in capsys.readouterr().err
    with sqlite3.connect(tmp_path / "crm.db") as database:
        assert database.execute("select id from people").fetchall() == [("anna",)]
    with pytest.raises(InputError, match="use letters, digits and _"):
        databases.write(found, url, "x; drop table spring")
    with pytest.raises(InputError, match="no such folder"):
        databases.write(found, "sqlite:////no/such/crm.db", "spring")


def test_what_breaks_off_leaves_the_old_table(run, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    run.write(run.audience(item="i3", size=5), url, table="spring")
    broken = pl.DataFrame({"user": ["a", "b"], "odd": [b"1", object()]}, strict=False)
    with pytest.raises(Exception):  # noqa: B017 (the driver's own)
        databases.write(broken, url, "spring")
    with sqlite3.connect(tmp_path / "crm.db") as database:
        assert database.execute("select count(*) from spring").fetchone() == (5,)


def test_personalize_has_a_line_an_item_without_the_control_group(run, tmp_path):
    out = tmp_path / "segments.jsonl"
    ask = ["audience", str(run.path), "--format", "personalize", "--out", str(out)]
    assert main([*ask, "--item", "i3", "--item", "i5", "--control", "0.25"]) == 0
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["input"] for line in lines] == [{"itemId": "i3"}, {"itemId": "i5"}]
    found = run.audience(item="i5", control=0.25)
    assert lines[1]["output"]["recommendedUsers"] == (
        found.filter(~found["control"])["user"].to_list()
    )
    assert main([*ask, "--where", "category == 'WINE'"]) == 0
    line = json.loads(out.read_text("utf-8"))
    assert line["itemAttributes"] == "category == 'WINE'"
    assert len(line["output"]["recommendedUsers"]) == 11
    assert main([*ask, "--segment", "1"]) == 2


def test_a_workbook_holds_text_as_text(run, tmp_path):
    pytest.importorskip("xlsxwriter")
    pytest.importorskip("fastexcel")
    found = run.audience(item="i3").with_columns(name=pl.lit("=1+1"))
    export.write(iter([found]), tmp_path / "a.xlsx")
    read = pl.read_excel(tmp_path / "a.xlsx")
    assert read["user"].to_list() == found["user"].to_list()
    assert set(read["name"]) == {"=1+1"}
