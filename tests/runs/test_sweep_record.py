"""A sweep's record: names, jobs as they end, several processes, the best of them."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gnnseg.runs import sweep_record
from gnnseg.runs.sweep_record import SweepRecord
from gnnseg.types import InputError

SEEDS = ("encoder=mf", "seed=0,1")


@pytest.mark.parametrize(
    "name", [".", "..", "", ".hydra", "a/b", "../x", "/tmp/x", "-a", "a b", "a\n", "x" * 101]
)
def test_a_name_is_a_file_of_the_records(tmp_path: Path, name: str) -> None:
    (tmp_path / ".sweeps").mkdir()
    for kept in (tmp_path / "notes.json", tmp_path / ".sweeps" / "mine.json"):
        kept.write_text("{}")
    with pytest.raises(InputError, match=r"sweep\.name="):
        SweepRecord.of(tmp_path, name, SEEDS)
    with pytest.raises(InputError, match=r"sweep\.name="):
        sweep_record.folders(tmp_path, name)
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_without_a_name_it_is_of_what_is_swept(tmp_path: Path) -> None:
    names = {SweepRecord.of(tmp_path, None, each).name for each in (SEEDS, SEEDS, ("seed=0,2",))}
    assert len(names) == 2


def test_jobs_are_there_as_they_end(tmp_path: Path) -> None:
    record = SweepRecord.of(tmp_path, "mine", SEEDS)
    with pytest.raises(InputError, match="sweep mine: no record in .*; there are none"):
        sweep_record.folders(tmp_path, "mine")
    with record.at_work():
        with pytest.raises(InputError, match="no run of it is there: none has ended yet"):
            sweep_record.folders(tmp_path, "mine")
        record.add(1, ["seed=1"], path="/b", value=0.2)
        record.add(0, ["seed=0"], error="no.")
        assert sweep_record.folders(tmp_path, "mine") == [Path("/b")]
        record.add(0, ["seed=0"], path="/a", value=0.1)
        assert sweep_record.folders(tmp_path, "mine") == [Path("/a"), Path("/b")]
    with pytest.raises(InputError, match="there are mine"):
        sweep_record.folders(tmp_path, "other")
    record.path.write_text("{")
    with pytest.raises(InputError, match=r"mine\.json: damaged"):
        sweep_record.folders(tmp_path, "mine")


def test_processes_share_a_sweep_and_refuse_another_of_its_name(tmp_path: Path) -> None:
    mine, theirs = (SweepRecord.of(tmp_path, "two", SEEDS) for _ in range(2))
    other = SweepRecord.of(tmp_path, "two", ["seed=2,3"])
    with mine.at_work():
        mine.add(0, ["seed=0"], path="/a")
        with theirs.at_work():
            theirs.add(0, ["seed=0"], busy="process 1 is at work there")
            theirs.add(1, ["seed=1"], error="no.")
            mine.add(0, ["seed=0"], path="/a")
            mine.add(1, ["seed=1"], path="/b")
        with pytest.raises(InputError, match="sweeps something else under this name"):
            with other.at_work():
                pass
        assert [job["path"] for job in mine.jobs()] == ["/a", "/b"]
        assert mine.jobs() == theirs.jobs()  # each did all of them, or found them done
    with other.at_work():  # nobody is at it any more
        assert other.jobs() == []
        with pytest.raises(InputError, match="none has ended"):
            sweep_record.folders(tmp_path, "two")


def test_a_killed_sweep_is_no_longer_at_work_and_its_jobs_stay(tmp_path: Path) -> None:
    script = f"""
        import os
        from pathlib import Path
        from gnnseg.runs.sweep_record import SweepRecord
        record = SweepRecord.of(Path({str(tmp_path)!r}), "killed", {SEEDS!r})
        with record.at_work():
            record.add(0, ["seed=0"], path="/a")
            os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -9
    assert sweep_record.folders(tmp_path, "killed") == [Path("/a")]
    again = SweepRecord.of(tmp_path, "killed", SEEDS)
    with again.at_work():
        assert sweep_record.folders(tmp_path, "killed") == [Path("/a")]
        assert again.jobs() == []  # of those that it did itself


def test_the_best_is_by_the_monitored_metric(tmp_path: Path) -> None:
    record = SweepRecord.of(tmp_path, "best", ["head.segments=2,4", "seed=0,1"])
    beside = {"metric": "valid/ndcg@20", "greater": True, "data": "f", "protocol": "clean"}
    with record.at_work():
        record.add(0, ["head.segments=2", "seed=0"], path="/a", value=0.3, **beside)
        record.add(1, ["head.segments=2", "seed=1"], path="/b", value=0.5, **beside)
        assert record.best() is None  # a seed is not to be chosen
        record.add(2, ["head.segments=4", "seed=0"], path="/c", value=0.4, **beside)
        record.add(3, ["head.segments=4", "seed=1"], path="/d", value=None, **beside)
        assert record.best() == {
            "job": 1, "overrides": ["head.segments=2", "seed=1"], "path": "/b", "value": 0.5,
            "metric": "valid/ndcg@20",
        }  # fmt: skip
        assert json.loads(record.path.read_text())["best"]["job"] == 1
        assert sweep_record.best([{**j, "greater": False} for j in record.jobs()])["job"] == 0
        record.add(4, ["data=other"], path="/e", value=0.9, **{**beside, "data": "g"})
        assert record.best() is None  # values of other data are not to be compared


def test_of_which_figures_less_is_better_is_kept(tmp_path: Path) -> None:
    record = SweepRecord.of(tmp_path, "mine", SEEDS)
    with record.at_work():
        record.add(0, ["seed=0"], path="/a", value=0.1, metric="valid/gini@20", greater=False)
        record.add(1, ["seed=1"], path="/b", value=0.1, metric="valid/ndcg@20", greater=True)
    assert sweep_record.smaller_is_better(tmp_path, "mine") == {"valid/gini@20"}


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".sweeps").write_text("a file")
    with pytest.raises(InputError, match=r"\.sweeps: cannot be written"):
        with SweepRecord.of(tmp_path, "mine", SEEDS).at_work():
            pass


def test_jobs_without_a_run_are_told_with_why(tmp_path: Path) -> None:
    record = SweepRecord.of(tmp_path, "mixed", ["head.segments=2,4000", "seed=0"])
    with record.at_work():
        record.add(0, ["head.segments=2"], path="/a", value=0.3)
        record.add(1, ["head.segments=4000"], error="head.segments=4000: more than users.")
        record.add(2, ["head.segments=8"], busy="process 7 is at work there")
    assert sweep_record.unended(tmp_path, "mixed") == [
        "job 1 (head.segments=4000) failed: head.segments=4000: more than users.",
        "job 2 (head.segments=8) is not done: process 7 is at work there",
    ]
    with pytest.raises(InputError, match="no record in"):
        sweep_record.unended(tmp_path, "other")
