"""Ids that stay with segments, names, and folders of before."""

import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.runs import durable
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError


@pytest.fixture
def run(make_run):
    path, _ = make_run()
    run = StoredRun(path)
    groups = {"segment": [1, 2, 3], "size": [5, 4, 3], "share": [0.5, 0.3, 0.2]}
    run.folder.write_parquet("groups.parquet", pl.DataFrame(groups))
    return run


def test_an_id_is_born_of_the_run_and_the_number():
    one = durable.born("abc", "a-run", 1)
    assert one == durable.born("abc", "a-run", 1)
    assert one.id.startswith("seg-")
    assert len({durable.born(d, "r", k).id for d in ("abc", "abd") for k in (1, 2, 3)}) == 6


def test_segments_of_a_folder_of_before_are_born_there(run):
    digest = run.record["hash"]
    assert durable.of(run) == [durable.born(digest, run.name, k) for k in (1, 2, 3)]


def test_ids_and_names_stand_in_the_folder(run):
    before = durable.of(run)
    durable.call(run, {"2": "Night owls", before[2].id: "  Weekends "})
    after = durable.of(run)
    assert [each.id for each in after] == [each.id for each in before]
    assert [each.name for each in after] == [None, "Night owls", "Weekends"]
    durable.call(run, {"2": ""})
    assert durable.of(run)[1].name is None


@pytest.mark.parametrize(("which", "name"), [("4", "x"), ("seg-no", "x"), ("1", "a\nb")])
def test_a_name_that_cannot_be_is_refused(run, which, name):
    with pytest.raises(InputError, match=r"no such segment|at most"):
        durable.call(run, {which: name})


def test_naming_needs_an_equals_sign(run, capsys):
    record = {**run.record, "state": "finished"}
    run.folder.write_json(record)
    assert main(["segments", str(run.path), "--name", "3"]) == 2
    assert "write SEGMENT=NAME" in capsys.readouterr().err
