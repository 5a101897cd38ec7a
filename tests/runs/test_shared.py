"""Shares of aggregates, and the ledger by which two of them tell of no few people."""

import json

import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.runs import durable, shared, summary
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError


@pytest.fixture
def sized(make_run):
    """Give a run with so many people by segment, whose segments are the same from run to run."""

    def make(name, sizes):
        path, _ = make_run(users=max(sum(sizes), 12), k=len(sizes), name=name)
        run = StoredRun(path)
        groups = run.frame("groups").with_columns(size=pl.Series(sizes, dtype=pl.Int64))
        run.folder.write_parquet("groups.parquet", groups)
        ids = [durable.Durable(f"seg-{k}", "first", f"=Name {k}") for k in range(1, len(sizes) + 1)]
        durable.write(run.folder, ids)
        placed = [k + 1 for k, count in enumerate(sizes) for _ in range(count)]
        members = run.frame("segments").with_columns(segment=pl.Series(placed, dtype=pl.Int64))
        run.folder.write_parquet("segments.parquet", members)
        summary.write(path)
        return path

    return make


def test_page_table_and_cards_are_handed_out(sized, tmp_path, capsys):
    path = sized("a", [40, 30, 4])
    assert main(["report", str(path), "--share"]) == 0
    assert capsys.readouterr().out.strip() == str(path / "shared")
    assert sorted(each.name for each in (path / "shared").iterdir()) == [
        "cards.csv", "report.html", "segments.csv",
    ]  # fmt: skip
    found = pl.read_csv(path / "shared" / "segments.csv")
    assert found["people"].to_list() == [40, None, None]
    assert found["note"][2] == "fewer than 10"
    assert found["name"][0] == "'=Name 1"  # others open it in a spreadsheet
    assert set(pl.read_csv(path / "shared" / "cards.csv")["segment"]) == {1}
    for name in ("p.html", "t.parquet", "t.csv"):
        assert main(["report", str(path), "--share", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).exists()
    (line,) = (tmp_path / ".shared.jsonl").read_text().splitlines()  # the same is one share
    entry = json.loads(line)
    assert entry["segments"] == {"seg-1": 40}
    assert (entry["run"], entry["people"]) == ("a", 74)


def test_a_share_that_differs_by_few_is_refused_and_leaves_nothing(sized, tmp_path, capsys):
    shared.share(sized("a", [40, 30, 20]))
    b = sized("b", [40, 33, 20 + 17])
    ledger = (tmp_path / ".shared.jsonl").read_text()
    assert main(["report", str(b), "--share"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "segment 2 (=Name 2) (seg-2): differs by 3 people from what was shared of a on" in said
    assert "wait until more have changed" in said
    assert list((b / "shared").glob("*")) == []
    assert (tmp_path / ".shared.jsonl").read_text() == ledger
    with pytest.raises(InputError, match="Name 2"):
        shared.share(b, tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()
    shared.share(tmp_path / "a")  # again, of exactly the same run
    shared.share(sized("c", [50, 30, 30]))  # ten more, twice
    with pytest.raises(InputError, match="of a on"):  # nine less than the last, one more than a
        shared.share(sized("d", [41, 30, 30 + 9]))


def test_all_people_are_a_group_too(sized):
    shared.share(sized("a", [40, 30, 4, 9]))
    with pytest.raises(InputError, match="the run: differs by 1 people"):
        shared.share(sized("b", [40, 30, 5, 9]))


def swapped(path, *pairs):
    """Some people in each other's segments."""
    frame = pl.read_parquet(path / "segments.parquet")
    segment = frame["segment"].to_list()
    for one, other in pairs:
        segment[one], segment[other] = segment[other], segment[one]
    frame.with_columns(segment=pl.Series(segment)).write_parquet(path / "segments.parquet")
    return path


def test_groups_of_one_size_with_a_few_other_people_are_refused(sized, tmp_path):
    shared.share(sized("a", [40, 30]))
    b = swapped(sized("b", [40, 30]), (0, 50), (1, 51))  # two left either segment, two came
    with pytest.raises(InputError, match="differs by 4 people from what was shared of a on"):
        shared.share(b)
    durable.write(StoredRun(b).folder, [durable.Durable(f"new-{k}", "b") for k in (1, 2)])
    with pytest.raises(InputError, match="differs by 4 people"):  # whatever segments are called
        shared.share(b)
    shared.share(swapped(b, *((n, n + 40) for n in range(5, 15))))
    assert len((tmp_path / ".shared.jsonl").read_text().splitlines()) == 2


def test_what_lies_beside_the_ledger_has_no_id(sized, tmp_path):
    path = sized("a", [40, 30])
    shared.share(path)
    ids = StoredRun(path).users.ids.tolist()
    beside = tmp_path / ".shared"
    for each in beside.iterdir():
        assert not any(f'"{id}"'.encode() in each.read_bytes() for id in ids)
    assert (beside / "key").stat().st_mode & 0o77 == 0
    (members,) = beside.glob("*.parquet")
    assert len(pl.read_parquet(members)) == 70 + 70  # by segment, and all


def test_of_a_ledger_of_before_sizes_are_compared(sized, tmp_path):
    entry = {"when": "2026-01-01", "run": "old", "fingerprint": "f", "people": 100}
    line = {**entry, "segments": {"seg-2": 35}}
    (tmp_path / ".shared.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(InputError, match="seg-2.: differs by 5 people from what was shared of old"):
        shared.share(sized("a", [40, 30, 20]))
    other = {**line, "people": 91, "segments": {"seg-8": 35}}
    (tmp_path / ".shared.jsonl").write_text(json.dumps(other) + "\n")
    shared.share(tmp_path / "a")  # in no segment of these


def test_of_other_segments_and_of_withheld_ones_nothing_is_compared(sized):
    shared.share(sized("a", [40, 30, 12]))
    shared.share(sized("b", [40, 30 + 15, 9]))


def test_what_cannot_be_shared_is_one_sentence(make_run, sized, tmp_path):
    dot, _ = make_run("dot", name="dot")
    with pytest.raises(InputError, match="its head has no segments"):
        shared.share(dot)
    with pytest.raises(InputError, match="no segment of at least 10 people would be shown"):
        shared.share(sized("small", [40, 9]))
    path = sized("a", [40, 30])
    with pytest.raises(InputError, match="unknown kind of file"):
        shared.share(path, tmp_path / "t.doc")
    (tmp_path / ".shared.jsonl").write_text("half a li")
    with pytest.raises(InputError, match="line 1 is damaged"):
        shared.share(path)


def test_of_two_segments_shown_the_page_has_two(sized, tmp_path):
    path = sized("a", [40, 30, 0, 12, 9])
    evidence = {"segment": [1, 2, 3, 4, 5], "n": [4, 20, 1, 2, 3], "ndcg@20": [0.123] * 5}
    evidence |= {f"ndcg@20_{end}": [0.111] * 5 for end in ("low", "high")}
    evidence |= dict.fromkeys(("modularity", "conductance", "cohesion", "separation"), [0.5] * 5)
    pl.DataFrame(evidence).write_parquet(path / "evidence.parquet")
    shared.share(path, tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert page.count("0.123") == 1  # of the second alone: the first has four test users
    for k in (3, 4, 5):
        assert f'id="segment-{k}"' not in page
        assert f"<li>Segment {k}: " in page
