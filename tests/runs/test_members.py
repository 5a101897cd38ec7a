"""Who is in which segment, written to files and databases: whole, or as it was."""

import json
import shutil
import sqlite3
import sys
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.runs import databases, durable, export, members
from gnnseg.runs.run import Run
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

END = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
PEOPLE = ("sex=f", "sex=m", "sex unknown", "age", "hobby=a|b", "hobby=c", "share of genre=x")


@pytest.fixture
def run(make_run):
    """A run whose ids have leading zeros, with customers, attributes, and one user unplaced."""
    path, _ = make_run(users=12)
    stored = StoredRun(path)
    ids = {f"u{n}": f"00{n:02}" for n in range(12)}
    for name, column in (("ids", "id"), ("segments", "user")):
        frame = stored.frame(name).with_columns(pl.col(column).replace(ids))
        stored.folder.write_parquet(f"{name}.parquet", frame)
    frame = stored.frame("segments")
    last = frame["user"] == "0011"
    frame = frame.with_columns(
        segment=pl.when(~last).then("segment"),
        reason=pl.when(last).then(pl.lit("no training interactions")),
    )
    stored.folder.write_parquet("segments.parquet", frame)
    zeros = {name: [0.0] * 12 for name in ("visits", "spend", "recent", "former")}
    customers = {"user": list(ids.values()), "events": list(range(12)), **zeros}
    customers |= {"first": [0.0] * 12, "last": [END] * 11 + [None]}
    stored.folder.write_parquet("customers.parquet", pl.DataFrame(customers))
    people = np.zeros((12, len(PEOPLE)))
    people[0, [0, 4, 5]] = people[1, 1] = people[2, 2] = 1
    np.savez(path / "people.npz", people=people, columns=np.array(PEOPLE))
    record = stored.folder.read_json()
    stored.folder.write_json({**record, "data": {**record["data"], "end": END}})
    durable.call(StoredRun(path), {"2": "=Night owls"})
    return Run(path)


def test_a_row_a_user_with_all_that_a_crm_joins_on(run):
    found, stored = run.members(), run.segments()
    assert found.columns == [
        "user", "segment", "segment_id", "segment_name", "sure", "reason",
        "alpha_1", "alpha_2", "alpha_3", "run", "as_of",
    ]  # fmt: skip
    assert found["user"].to_list() == [f"00{n:02}" for n in range(12)]
    assert found["segment"].to_list() == stored["segment"].to_list()
    ids = {n + 1: each.id for n, each in enumerate(durable.of(run.stored))}
    assert found["segment_id"].to_list() == [ids.get(k) for k in stored["segment"]]
    assert found.filter(pl.col("segment") == 2)["segment_name"].unique().to_list() == [
        "=Night owls"
    ]
    assert found["segment_name"].null_count() == found["segment"].null_count() == 1
    assert found["reason"].to_list() == [None] * 11 + ["no training interactions"]
    assert found["sure"].null_count() == 12
    assert found["run"].unique().to_list() == [run.path.name]
    assert found["as_of"].unique().to_list() == [date(2026, 11, 20)]


def test_names_sureness_and_columns_are_carried_through(run):
    folder = run.stored.folder
    sure = pl.lit(2 / 3, dtype=pl.Float32).alias("sure")
    folder.write_parquet("segments.parquet", run.segments().with_columns(sure))
    named = run.stored.frame("ids").with_columns(
        name=pl.when(pl.col("kind") == "user").then(pl.lit("Ms. ") + pl.col("id")).otherwise("name")
    )
    folder.write_parquet("ids.parquet", named)
    found = Run(run.path).members(["last", "events", "sex", "hobby"])
    assert found.columns[:6] == ["user", "name", "last", "events", "sex", "hobby"]
    assert found["name"][3] == "Ms. 0003"
    assert found["sure"].unique().to_list() == [0.667]
    assert found["last"][0] == datetime(2026, 11, 20, 12)
    assert found["last"][11] is None
    assert found["sex"].to_list()[:4] == ["f", "m", None, None]
    assert found["hobby"][0] == "a|b|c"
    with pytest.raises(InputError, match=r"column age: .* keeps no such of people; it has events"):
        run.members(["age"])


def test_a_run_of_before_and_one_without_segments(make_run):
    old, _ = make_run(name="old")
    found = Run(old).members()
    assert found["reason"].null_count() == len(found)
    assert (
        found["as_of"][0] == datetime.fromtimestamp((old / "run.json").stat().st_mtime, UTC).date()
    )
    with pytest.raises(InputError, match="it keeps none"):
        Run(old).members(["spend"])
    dot, _ = make_run("dot", name="dot")
    with pytest.raises(InputError, match="its head has no segments"):
        Run(dot).members()


def slow_rounding(row):
    """Thousandths by hand: down, then one more to those that lost the most, the first of equals."""
    exact = [value / sum(row) * 1000 for value in row]
    parts = [int(value + 1e-9) for value in exact]
    lost = sorted(range(len(row)), key=lambda k: (parts[k] - exact[k], k))
    for k in lost[: 1000 - sum(parts)]:
        parts[k] += 1
    return parts


def test_rounded_memberships_still_sum_to_one():
    draw = np.random.default_rng(0)
    alpha = draw.dirichlet(np.full(7, 0.3), 300).astype(np.float32).astype(np.float64)
    odd = [[1 / 7] * 7, [1.0] + [0] * 6, [0.0005] * 2 + [0.999] + [0] * 4]
    alpha = np.vstack([alpha, odd])
    found = members.rounded(alpha)
    assert found.tolist() == [slow_rounding(row) for row in alpha.tolist()]
    assert (found.sum(1) == 1000).all()
    assert np.abs(found / 1000 - alpha).max() < 0.001
    assert members.rounded(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "xlsx"])
def test_every_kind_of_file_reads_back(run, tmp_path, capsys, kind):
    if kind == "xlsx":
        pytest.importorskip("xlsxwriter")
        pytest.importorskip("fastexcel")
    out = tmp_path / f"members.{kind}"
    out.write_text("last week's")
    assert main(["members", str(run.path), "--out", str(out), "--columns", "spend, last"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    placed = set(run.members()["segment"].drop_nulls())
    assert f"of them in {len(placed)} segments" in said.err
    readers = {
        "csv": lambda path: pl.read_csv(path, infer_schema=False),
        "parquet": pl.read_parquet, "jsonl": pl.read_ndjson, "xlsx": pl.read_excel,
    }  # fmt: skip
    found, expected = readers[kind](out), run.members(["spend", "last"])
    assert found["user"].to_list() == expected["user"].to_list()
    for name in ("segment", "segment_name", "alpha_1"):
        assert found[name].cast(expected[name].dtype).to_list() == expected[name].to_list()
    if kind == "parquet":
        assert found.equals(expected)


def test_a_csv_for_spreadsheets_runs_nothing(run, tmp_path, capsys):
    out = tmp_path / "members.csv"
    assert main(["members", str(run.path), "--out", str(out), "--excel"]) == 0
    assert "ids such as 0000 become numbers" in capsys.readouterr().err
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    assert set(pl.read_csv(out)["segment_name"]) >= {"'=Night owls"}
    frame = pl.DataFrame({"a": ["=1+1", "+49 170", "@x", "-x", "\t=1", "-5", "+1.5", "x=1", None]})
    shown = export.without_formulas(frame)["a"].to_list()
    assert shown == ["'=1+1", "'+49 170", "'@x", "'-x", "'\t=1", "-5", "+1.5", "x=1", None]
    assert main(["members", str(run.path), "--out", str(tmp_path / "m.json")]) == 2
    assert "unknown kind of file; end its name in .parquet" in capsys.readouterr().err
    assert main(["members", str(run.path), "--out", "sqlite:///x.db", "--excel"]) == 2
    assert "--excel" in capsys.readouterr().err
    assert main(["members", str(run.path), "--out", str(out), "--table", "m"]) == 2
    assert "--table m: is of a database" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["run", "csv", "parquet"])
def test_who_joined_left_and_moved(run, make_run, tmp_path, capsys, kind):
    path, _ = make_run(name="later")
    ids = durable.of(run.stored)
    durable.write(StoredRun(path).folder, [ids[0], ids[1], durable.Durable("seg-new", "later")])
    then = run.members().select("user", "segment_id", "segment_name")
    old = run.path
    if kind != "run":
        first, *_ = then["user"]
        then = then.with_columns(user=pl.col("user").replace({first: "somebody gone"}))
        old = tmp_path / f"old.{kind}"
        then.write_csv(old) if kind == "csv" else then.write_parquet(old)
    out = tmp_path / "out.parquet"
    assert main(["members", str(path), "--out", str(out), "--since", str(old)]) == 0
    said = capsys.readouterr().err
    found = pl.read_parquet(out)
    before = dict(then.select("user", "segment_id").rows())
    now = dict(Run.load(path).members().select("user", "segment_id").rows())
    for user, change in found.select("user", "change").rows():
        a, b = before.get(user), now.get(user)
        slow = "stayed" if a == b else "joined" if a is None else "left" if b is None else "moved"
        assert change == (None if a is None and b is None else slow)
    assert set(found["user"]) == set(now) | {u for u, a in before.items() if a is not None}
    assert f"{(found['change'] == 'moved').sum()} moved" in said
    durable.write(StoredRun(path).folder, [durable.Durable(f"x-{k}", "l") for k in range(3)])
    assert main(["members", str(path), "--out", str(out), "--since", str(old)]) == 2
    assert "has no segment in common" in capsys.readouterr().err


def test_no_sentence_holds_a_password(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(InputError, match=r"^postgresql://anna@host/crm: needs a driver: pip"):
        members.write(run.stored, "postgresql://anna:s3cret@host/crm")


def test_a_workbook_without_the_writer_is_one_sentence(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    assert main(["members", str(run.path), "--out", str(tmp_path / "m.xlsx")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_is_replaced_whole_and_its_views_stay(run, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    ask = ["members", str(run.path), "--out", url]
    assert main(ask) == 0
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("create table orders (user text, item text, day text)")
        crm.execute("insert into orders values ('0001', 'a', 'b')")
        crm.execute("create view owls as select user from gnnseg_members where segment = 2")
        crm.execute("create index by_user on gnnseg_members (user)")
    assert main(ask) == 0
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        rows = crm.execute("select user, segment, as_of from gnnseg_members").fetchall()
        owls = crm.execute("select count(*) from owls").fetchone()[0]
        assert crm.execute("select name from sqlite_master where type='index'").fetchall()
    expected = run.members()
    assert rows == [(u, k, "2026-11-20") for u, k in expected.select("user", "segment").rows()]
    assert owls == (expected["segment"] == 2).sum()
    assert main([*ask, "--columns", "events"]) == 0  # other columns: made anew, the view stays
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        assert crm.execute("select count(*) from owls").fetchone()[0] == owls
        assert crm.execute("select events from gnnseg_members").fetchall() == [
            (n,) for n in range(12)
        ]
    assert main([*ask, "--table", "orders"]) == 2
    assert "stands there with other columns (user, item, day)" in capsys.readouterr().err
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        assert crm.execute("select * from orders").fetchall() == [("0001", "a", "b")]


def test_a_write_that_fails_leaves_the_old_table(run, tmp_path):
    url, old = f"sqlite:///{tmp_path / 'crm.db'}", run.members()
    databases.write(old, url, "m")
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("create trigger no before insert on m when new.user = '0007' "
                    "begin select raise(abort, 'no room'); end")  # fmt: skip
    with pytest.raises(InputError, match="no room; nothing was written"):
        databases.write(old.with_columns(run=pl.lit("new")), url, "m")
    reader = sqlite3.connect(tmp_path / "crm.db")
    assert reader.execute("select distinct run, count(*) from m").fetchall() == [
        (run.path.name, 12)
    ]
    reader.execute("begin immediate")  # somebody else writes: one sentence, and nothing lost
    with pytest.raises(InputError, match="database is locked; nothing was written"):
        databases.write(old, f"{url}", "m", patience=0.1)
    reader.close()


def test_a_file_that_cannot_be_finished_stays_as_it_was(run, tmp_path, monkeypatch):
    out = tmp_path / "members.csv"
    out.write_text("last week's")

    def full(frame, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    with pytest.raises(InputError, match="cannot be written"):
        members.write(run.stored, out)
    assert out.read_text() == "last week's"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["members.csv"]


def test_json_lines_have_days_and_nulls(run, tmp_path):
    members.write(run.stored, tmp_path / "m.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert lines[0]["as_of"] == "2026-11-20"
    assert lines[11]["segment"] is None


def test_a_folder_answers_without_anything_else(run, tmp_path):
    shutil.move(run.path, tmp_path / "elsewhere")
    assert len(Run(tmp_path / "elsewhere").members()) == 12
