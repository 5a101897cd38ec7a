"""A run folder made when parts still stood under other names loads, and answers what it answered.

``run/`` is such a folder, without its page and its checkpoint.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.runs import identity as identities
from gnnseg.runs import schema
from gnnseg.runs.identity import identity

OLD = Path(__file__).parent / "run"


@pytest.fixture(scope="module")
def run() -> gnnseg.Run:
    return gnnseg.load(OLD)


def test_its_files_are_those_of_today(run: gnnseg.Run) -> None:
    assert schema.check(OLD) == ["report.html: is missing"]
    assert run.record["numerics"] == 7
    assert "alarms" in run.record


def test_it_is_still_called_what_it_was_called(
    run: gnnseg.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = run.record
    monkeypatch.setattr(identities, "NUMERICS", record["numerics"])
    assert identity(record["config"], record["data"]["fingerprint"]) == record["hash"]


def test_it_evaluates_to_its_own_record(run: gnnseg.Run) -> None:
    for part in ("valid", "test"):
        found = dict(run.evaluate(part).select("metric", "value").rows())
        known = {name: run.metrics[name] for name in found if name in run.metrics}
        assert len(known) >= 10
        assert {name: found[name] for name in known} == pytest.approx(known, nan_ok=True, rel=1e-5)


def test_it_recommends_its_own_lists(run: gnnseg.Run) -> None:
    stored = pl.read_parquet(OLD / "recommendations.parquet")
    users = stored.filter(kind="user")["id"].unique(maintain_order=True).to_list()
    mine = stored.filter(kind="user")
    again = run.recommend(users)
    assert again.drop("score").rows() == mine.drop("score").rows()
    np.testing.assert_allclose(again["score"], mine["score"], rtol=1e-5)
    first = stored.filter(kind="segment", id="1")
    assert run.recommend_segment(1)["item"].to_list() == first["item"].to_list()


def test_it_explains_its_own_examples(run: gnnseg.Run) -> None:
    example = pl.read_parquet(OLD / "examples.parquet").row(0, named=True)
    parts = dict(run.explain(example["user"], example["item"]).select("part", "value").rows())
    assert parts["score"] == pytest.approx(example["score"], rel=1e-5)
    assert parts["segment 2"] == pytest.approx(example["part_2"], rel=1e-5)


def test_it_assigns_most_users_to_where_they_were(run: gnnseg.Run) -> None:
    pairs, ids = run.split().train, run.stored
    histories: dict[str, list[str]] = {f"new {user}": [] for user in ids.users.ids}
    for user, item in zip(pairs.user, pairs.item, strict=True):
        histories[f"new {ids.users.ids[user]}"].append(ids.items.ids[item])
    again, before = run.assign(histories)["segment"], run.segments()["segment"]
    assert (again == before).mean() > 0.9
    assert run.labels()["predicted"].null_count() == 0
    assert run.profiles()["segment"].n_unique() == run.alpha.shape[1]
