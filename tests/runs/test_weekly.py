"""A file of settings run every week: ids stay, nothing is lost where a step fails."""

import json
import os
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.runs import members, weekly
from gnnseg.runs.folder import RunFolder
from gnnseg.types import InputError

CONFIG = """\
data: orders.csv --user customer --item sku --time day
settings:
  - head.segments=3
  - encoder.dim=8
  - trainer.max_epochs=4
  - trainer.eval_every=2
  - segments.refits=0
  - runs.root=runs
  - cache.root=cache
members: members.csv
columns: [events]
page: page.html
"""


def orders(weeks):
    """What 45 customers of three kinds bought in so many weeks; who is new comes in the last."""
    g, rows = np.random.default_rng(0), []
    for week in range(weeks):
        for customer in range(40 + 5 * (week > 3)):
            for sku in g.choice(12, 2, replace=False):
                rows.append((f"C{customer:03}", f"P{customer % 3 * 12 + sku}", 7 * week + sku % 7))
    day = [f"2026-{1 + d // 28:02}-{1 + d % 28:02}" for _, _, d in rows]
    customer, sku, _ = zip(*rows)
    return pl.DataFrame({"customer": customer, "sku": sku, "day": day})


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder after its first week."""
    place = tmp_path_factory.mktemp("shop")
    (place / "shop.yaml").write_text(CONFIG)
    orders(4).write_csv(place / "orders.csv")
    assert main(["weekly", str(place / "shop.yaml")]) == 0
    return place


@pytest.fixture
def shop(first, tmp_path, monkeypatch):
    """The same to do more in; commands are typed elsewhere, as cron does."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(first, tmp_path / "shop")


def handed(place):
    return {name: (place / name).read_bytes() for name in ("members.csv", "page.html")}


def state(place):
    return json.loads((place / "runs" / ".weekly" / "shop.json").read_text())


def test_the_first_week_leaves_members_page_and_state(first):
    found = pl.read_csv(first / "members.csv")
    assert len(found) == 40
    assert found["as_of"].unique().to_list() == ["2026-01-28"]
    assert found["events"].sum() == 320
    (run,) = found["run"].unique().to_list()
    assert run == state(first)["serves"] == state(first)["run"] + "-refit"
    assert (first / "page.html").read_bytes() == (first / "runs" / run / "report.html").read_bytes()
    assert not (first / "runs" / ".weekly" / "shop").exists()


def test_the_same_file_twice_changes_nothing(shop, capsys):
    before, stamps = handed(shop), {p: p.stat().st_mtime_ns for p in shop.rglob("*") if p.is_file()}
    shuffled = pl.read_csv(shop / "orders.csv").sample(fraction=1, shuffle=True, seed=1)
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    said = capsys.readouterr()
    assert "the same data as on" in said.err
    assert said.out.strip().endswith("-refit")
    shuffled.write_csv(shop / "orders.csv")  # the same orders in another order of lines
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    assert handed(shop) == before
    same = [p for p, stamp in stamps.items() if p.exists() and p.stat().st_mtime_ns == stamp]
    assert {p.name for p in stamps} - {p.name for p in same} <= {"orders.csv"}


@pytest.mark.slow
def test_the_second_week_keeps_the_ids(shop, capsys):
    before, was = pl.read_csv(shop / "members.csv"), state(shop)
    orders(5).write_csv(shop / "orders.csv")
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    found, now = pl.read_csv(shop / "members.csv"), state(shop)
    assert now["run"] != was["run"]
    record = RunFolder(shop / "runs" / now["run"]).read_json()
    assert record["since"]["run"] == was["run"]
    assert len(found) == 45
    kept = set(found["segment_id"].drop_nulls()) & set(before["segment_id"].drop_nulls())
    assert len(kept) >= 2
    assert "the same data" not in capsys.readouterr().err


def test_only_what_is_handed_out_changes_without_training(shop, monkeypatch):
    text = CONFIG.replace("members.csv", "sqlite:///crm.db") + "refit: false\n"
    (shop / "shop.yaml").write_text(text)
    monkeypatch.setattr("gnnseg.runs.command.run", None)
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    with sqlite3.connect(shop / "crm.db") as crm:
        runs = crm.execute("select distinct run from gnnseg_members").fetchall()
    assert runs == [(state(shop)["run"],)]


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (lambda shop: (shop / "orders.csv").unlink(), "data check: orders.csv: no such file"),
        (
            lambda shop: (shop / "orders.csv").write_text("customer,sku,day\nC1,P1,some day\n" * 3),
            "data check: ",
        ),
        (
            lambda shop: (shop / "orders.csv").write_text("client,sku,day\nC1,P1,2026-01-01\n"),
            "data check: ",
        ),
        (lambda shop: (shop / "runs" / ".weekly" / "shop.json").write_text("{"), "start: "),
    ],
)
def test_a_failure_before_training_is_one_sentence_and_keeps_all(shop, capsys, spoil, step):
    before = handed(shop)
    spoil(shop)
    stood = (shop / "runs" / ".weekly" / "shop.json").read_bytes()
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"gnnseg weekly shop: {step}")
    assert last.endswith("what was there before stands.")
    assert handed(shop) == before
    assert (shop / "runs" / ".weekly" / "shop.json").read_bytes() == stood


def test_a_failure_to_export_keeps_both_files_and_the_state(shop, capsys, monkeypatch):
    before, was = handed(shop), state(shop)
    (shop / "shop.yaml").write_text(CONFIG + "refit: false\n")  # another run serves

    def refused(*args, **kwargs):
        raise InputError("crm.db: database is locked; nothing was written.")

    with monkeypatch.context() as patch:
        patch.setattr(members, "write", refused)
        assert main(["weekly", str(shop / "shop.yaml")]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("gnnseg weekly shop: export: crm.db: database is locked")
    assert handed(shop) == before
    assert state(shop) == was
    (shop / "shop.yaml").write_text(
        (CONFIG + "refit: false\n").replace("page.html", "no/page.html")
    )
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "start: no: no such folder" in capsys.readouterr().err
    assert handed(shop) == before
    (shop / "shop.yaml").write_text(CONFIG + "refit: false\n")
    assert main(["weekly", str(shop / "shop.yaml")]) == 0  # the next try goes on
    assert pl.read_csv(shop / "members.csv")["run"][0] == was["run"]


def test_a_failure_in_training_or_refit_names_the_step(shop, capsys, monkeypatch):
    before = handed(shop)
    shutil.rmtree(shop / "runs" / state(shop)["run"])  # somebody tidied up
    orders(5).write_csv(shop / "orders.csv")
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "gnnseg weekly shop: training: segments.since=" in capsys.readouterr().err
    assert handed(shop) == before

    def broken(*args, **kwargs):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(weekly.command, "run", broken)
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "training: ZeroDivisionError: by zero; what was there" in capsys.readouterr().err


AUDIENCES = """\
audiences:
  - out: regulars.csv
    where: events > 0
    control: 0.4
    exclude: gone.csv
  - {out: 'sqlite:///crm.db', table: fans, segment: 1, size: 5}
"""


def test_audiences_are_written_with_a_control_group_that_stays(shop, monkeypatch, capsys):
    (shop / "gone.csv").write_text("C001\n")
    (shop / "shop.yaml").write_text(CONFIG + AUDIENCES + "least: 0.5\n")
    monkeypatch.setattr(weekly.command, "run", None)  # of last week's run, without training
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    assert "regulars.csv: control group: " in capsys.readouterr().err
    found = pl.read_csv(shop / "regulars.csv")
    assert set(found["user"]) == {f"C{n:03}" for n in range(40)} - {"C001"}
    with sqlite3.connect(shop / "crm.db") as crm:
        assert crm.execute("select count(*) from fans").fetchone() == (5,)
    (shop / "gone.csv").write_text("C001\nC002\n")  # another list of opt-outs is news
    assert main(["weekly", str(shop / "shop.yaml")]) == 0
    later = pl.read_csv(shop / "regulars.csv")
    assert set(later["user"]) == set(found["user"]) - {"C002"}
    lots = dict(found.select("user", "control").rows())
    assert {user: lots[user] for user in later["user"]} == dict(
        later.select("user", "control").rows()
    )
    stood = (shop / "regulars.csv").read_bytes()
    (shop / "gone.csv").write_text("2\nC001\n")  # a spreadsheet's
    broken = CONFIG + AUDIENCES.replace("segment: 1", "segment: 9")
    (shop / "shop.yaml").write_text(broken)
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "export: " in capsys.readouterr().err
    assert (shop / "regulars.csv").read_bytes() == stood
    (shop / "gone.csv").unlink()
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "start: gone.csv: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("some", "said"),
    [
        (pl.col("customer") < "C030", "240 rows where last week had 320, and 30 users where last"),
        (pl.col("sku") != "P7", None),
        (pl.col("day") < "2026-01-28", "a last day of 2026-01-27 00:00 where last week had 2026-"),
    ],
)
def test_an_export_that_broke_off_is_refused(shop, capsys, monkeypatch, some, said):
    before, was = handed(shop), state(shop)
    assert was["size"]["rows"] == 320
    assert was["size"]["users"] == 40
    orders(4).filter(some).write_csv(shop / "orders.csv")
    monkeypatch.setattr(weekly.command, "run", None)
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    if said is None:
        assert last.startswith("gnnseg weekly shop: training: ")
        return
    assert last.startswith(f"gnnseg weekly shop: data check: the data have {said}")
    assert "accept it with least: 0 (a share" in last
    assert (handed(shop), state(shop)) == (before, was)
    (shop / "shop.yaml").write_text(CONFIG + "least: 0\n")
    assert main(["weekly", str(shop / "shop.yaml")]) == 1
    assert "weekly shop: training: " in capsys.readouterr().err


def test_two_files_of_one_name_share_no_state(shop, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(weekly.command, "run", None)
    (tmp_path / "other").mkdir()
    text = CONFIG.replace("runs.root=runs", f"runs.root={shop / 'runs'}")
    text = text.replace("orders.csv", str(shop / "orders.csv"))
    (tmp_path / "other" / "shop.yaml").write_text(text)
    assert main(["weekly", str(tmp_path / "other" / "shop.yaml")]) == 1
    said = capsys.readouterr().err
    assert f"is of {shop / 'shop.yaml'}, which has the same name" in said
    (shop / "shop.yaml").unlink()  # was moved
    assert main(["weekly", str(tmp_path / "other" / "shop.yaml")]) == 1
    assert "training: " in capsys.readouterr().err


def test_the_second_of_two_at_once_says_who_is_at_work(shop, capsys):
    place = shop / "runs" / ".weekly" / "shop"
    with RunFolder(place).locked():
        assert main(["weekly", str(shop / "shop.yaml")]) == 1
    said = capsys.readouterr().err
    assert f"process {os.getpid()} on " in said
    assert "is at work there" in said
    assert main(["weekly", str(shop / "shop.yaml")]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("members: m.csv", "needs a line 'data:'"),
        ("data: [a.csv\n", "cannot be read"),
        ("data: a.csv\nmember: m.csv", "did you mean members?"),
        ("data: a.csv\nrefit: 3", "refit=3: give true or false"),
        ("data: a.csv\nsettings: seed=1", "give a list of key=value"),
        ("data: a.csv --user u -m", "a weekly trains one run"),
        ("data: a.csv\nsettings: [segments.since=x]", "starts from its own last run"),
        ("data: a.csv\nsettings: [baseline=ease, head=posthoc]", "which a baseline cannot"),
        ("data: a.csv\nleast: 90", "least=90: give a share"),
        ("data: a.csv\naudiences: [{segment: 1}]", "audience 1: needs a line 'out:'"),
        ("data: a.csv\naudiences: [{out: a.csv, segmet: 1}]", "did you mean segment?"),
        ("data: a.csv\naudiences: [{out: a.csv, size: true}]", "size=True: give how many people"),
    ],
)
def test_a_file_that_cannot_be_meant_is_one_sentence(tmp_path, capsys, text, said):
    (tmp_path / "shop.yaml").write_text(text)
    assert main(["weekly", str(tmp_path / "shop.yaml")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert main(["weekly", str(tmp_path / "none.yaml")]) == 2


def test_the_file_of_the_docs_can_be_meant(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "weekly.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.S | re.M)
    (tmp_path / "shop.yaml").write_text(text)
    found = weekly.read(tmp_path / "shop.yaml")
    assert found.words[:3] == ["orders.csv", "--user", "customer"]
    assert (found.members, found.page, found.refit) == ("sqlite:///crm.db", "segments.html", True)
    assert found.table == members.TABLE
