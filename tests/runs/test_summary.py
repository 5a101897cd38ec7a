"""The table of segments, against a slow count of a folder's customers."""

import statistics

import numpy as np
import polars as pl
import pytest

from gnnseg.runs import durable, schema, summary
from gnnseg.runs.stored import StoredRun

DAY = 86_400.0


@pytest.fixture
def run(make_run):
    path, _ = make_run()
    run = StoredRun(path)
    g = np.random.default_rng(3)
    users = len(run.users)
    frame = pl.DataFrame(
        {
            "user": run.users.ids.tolist(),
            "events": g.integers(1, 50, users),
            "visits": g.random(users) * 9,
            "spend": g.random(users) * 90,
            "first": np.zeros(users),
            "last": g.integers(0, 100, users) * DAY,
            "recent": g.random(users),
            "former": g.random(users),
        },
        schema_overrides={"visits": pl.Float64},
    )
    frame = frame.with_columns(last=pl.when(pl.col("user") != "u2").then("last"))
    run.folder.write_parquet("customers.parquet", frame)
    record = run.folder.read_json()
    run.folder.write_json({**record, "data": {**record["data"], "end": 100 * DAY}})
    return StoredRun(path)


def test_figures_are_those_of_a_slow_count(run):
    summary.write(run.path)
    found = run.frame("summary")
    assert schema.schema_checks.check(run.path / summary.FILE, schema.FILES[summary.FILE]) == []
    people = dict(run.frame("segments").select("user", "segment").rows())
    known = {row["user"]: row for row in run.frame("customers").iter_rows(named=True)}
    total = sum(known[user]["spend"] for user, k in people.items() if k is not None)
    for row in found.iter_rows(named=True):
        mine = [known[user] for user, k in people.items() if k == row["segment"]]
        assert row["people"] == len(mine)
        assert row["share"] == pytest.approx(
            len(mine) / sum(k is not None for k in people.values())
        )
        if not mine:
            continue
        spend = sum(each["spend"] for each in mine)
        assert row["revenue"] == pytest.approx(spend)
        assert row["revenue_share"] == pytest.approx(spend / total)
        assert row["spend_head"] == pytest.approx(spend / len(mine))
        assert row["visits_head"] == pytest.approx(sum(e["visits"] for e in mine) / len(mine))
        days = [100 - e["last"] / DAY for e in mine if e["last"] is not None]
        assert row["days_since"] == pytest.approx(statistics.median(days))
        trend = sum(e["recent"] for e in mine) / sum(e["former"] for e in mine) - 1
        assert row["trend"] == pytest.approx(trend)
    shares = run.frame("groups").sort("segment")["share"].to_list()
    assert found["alpha_share"].to_list() == shares


def test_a_given_name_is_never_overwritten(run):
    durable.call(run, {"2": "Night owls"})
    summary.renew(run.path)
    found = run.frame("summary")
    assert found["name"][1] == "Night owls"
    assert found["made"].to_list() == [True, False, True]
    assert found["id"].to_list() == [each.id for each in durable.of(run)]


def test_change_is_of_the_same_id(run):
    ids = [each.id for each in durable.of(run)]
    run.folder.amend({"since": {"people": {ids[0]: 4, ids[2]: 1}}})
    found = summary.of(StoredRun(run.path))
    assert found["change"][0] == found["people"][0] - 4
    assert found["change"][1] is None
    assert found["change"][2] == found["people"][2] - 1


def test_a_folder_of_before_has_people_alone(make_run):
    path, _ = make_run()
    summary.write(path)
    found = pl.read_parquet(path / summary.FILE)
    assert found["people"].sum() == 12
    for name in ("revenue", "spend_head", "days_since", "trend", "verdict", "sure", "change"):
        assert found[name].null_count() == len(found)


def test_a_run_without_segments_has_none(make_run):
    path, _ = make_run("dot")
    summary.write(path)
    assert not (path / summary.FILE).exists()
