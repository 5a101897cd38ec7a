"""A run that starts from an earlier one: ids, numbers, moves, noise, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.config import compose
from gnnseg.report import page, tables
from gnnseg.runs import durable, earlier, refit, schema, since, stability
from gnnseg.runs.identity import identify
from gnnseg.runs.run import Run
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

USERS, ITEMS, K = 120, 60, 3
SMALL = [
    f"head.segments={K}", "trainer.max_epochs=20", "trainer.eval_every=5", "encoder.dim=16",
    "segments.refits=2",
]  # fmt: skip


def period(seed, shifted=(), more=0, prefix="u"):
    """Purchases of three kinds of people; ``shifted``: those who now buy as the next kind does."""
    g = np.random.default_rng(seed)
    users = USERS + more
    kind = np.arange(users) % K
    kind[list(shifted)] = (kind[list(shifted)] + 1) % K
    rows = set()
    for user in range(users):
        own = np.arange(ITEMS) % K == kind[user]
        chance = np.where(own, 10.0, 0.5)
        for item in g.choice(ITEMS, 14, replace=False, p=chance / chance.sum()):
            rows.add((f"{prefix}{user}", f"i{item}"))
    user, item = zip(*sorted(rows))
    return gnnseg.interactions({"user": user, "item": item}, name="shop")


def train(root: Path, data, *overrides, seed=0) -> Run:
    return gnnseg.train(data, [*SMALL, f"runs.root={root}", *overrides], seed=seed)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(root):
    run = train(root, period(0))
    durable.call(run.stored, {"2": "Night owls"})
    return run


SHIFTED = list(range(0, 24, 2))


@pytest.fixture(scope="module")
def later(root, first):
    return train(root, period(1, SHIFTED, more=6), f"segments.since={first.path}", seed=5)


def test_segments_keep_ids_names_and_numbers(first, later):
    before, after = durable.of(first.stored), durable.of(later.stored)
    assert after == before
    assert after[1].name == "Night owls"
    both = first.segments().join(later.segments(), on="user")
    same = (both["segment"] == both["segment_right"]).to_numpy()
    stayed = ~both["user"].is_in([f"u{u}" for u in SHIFTED]).to_numpy()
    assert same[stayed].mean() > 0.95


def test_those_who_changed_are_found_and_counted(later):
    moved = pl.read_parquet(later.path / "moved.parquet")
    said = set(moved.filter(pl.col("beyond"))["user"])
    shifted = {f"u{u}" for u in SHIFTED}
    assert len(said & shifted) / len(said) >= 0.8
    assert len(said & shifted) / len(shifted) >= 0.8
    moves = pl.read_parquet(later.path / "moves.parquet")
    assert moves["users"].sum() == USERS
    assert moves.filter(pl.col("kept"))["was"].to_list() == [1, 2, 3]
    assert moves.filter(~pl.col("kept"))["users"].sum() == len(moved)
    assert later.metric("segment/kept") == pytest.approx(1 - len(moved) / USERS)
    assert len(later.record["since"]["moved_by_refit"]) == 2
    assert any(text.startswith("drift") for text in later.record["alarms"])


def test_nothing_is_named_where_nobody_changed(root, first):
    run = train(root, period(2), f"segments.since={first.path}")
    moves = pl.read_parquet(run.path / "moves.parquet")
    assert moves.filter(pl.col("beyond"))["users"].sum() <= 2
    assert run.metric("segment/kept") > 0.95
    assert run.record["since"]["events"] == []
    assert not any(text.startswith("drift") for text in run.record["alarms"])


def test_the_folder_says_what_changed(later):
    assert schema.check(later.path) == []
    text = page.render(later.path)
    assert "What changed" in text
    assert "Night owls" in text
    assert "keep their segment" in tables.run(later.path)


def test_the_new_run_answers_alone(root, first, later, tmp_path):
    shutil.copytree(later.path, tmp_path / "alone")
    run = gnnseg.load(tmp_path / "alone")
    assert len(run.recommend("u1", 5)) == 5
    assert run.assign({"new": ["i1", "i4"]}).height == 1
    assert "What changed" in page.render(run.path)
    assert Run.load(refit.refit(run.path, say=lambda line: None, progress=False)).stored.is_refit


def test_the_earlier_run_counts_by_what_it_is_not_where_it_lies(first, later, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(first.path, moved)
    config = compose(["data=planted", f"segments.since={moved}"])
    other = compose(["data=planted", f"segments.since={first.path}"])
    assert earlier.digest_of(config) == earlier.digest_of(other) == first.record["hash"]

    def digest(config, since=None):
        return identify(config, "0" * 64, since).digest

    assert digest(config, "a") == digest(other, "a")
    assert digest(config, "a") not in (digest(config, "b"), digest(compose(["data=planted"])))


@pytest.mark.parametrize(
    "overrides",
    [
        ["head.segments=2"],
        ["head.segments=5"],
        ["encoder.dim=8"],
        ["encoder=mf"],
        ["head.beta=affinity"],
        ["head=hybrid"],
        ["segments.keep=0", "segments.refits=0"],
    ],
    ids=["fewer", "more", "narrower", "encoder", "reading", "hybrid", "bare"],
)
def test_another_model_keeps_what_it_can(root, first, overrides):
    run = train(root, period(3), f"segments.since={first.path}", *overrides)
    mine, theirs = (durable.of(each.stored) for each in (run, first))
    kept = {each.id for each in mine} & {each.id for each in theirs}
    assert len(kept) >= 2
    assert len({each.id for each in mine}) == len(mine)
    for number, each in enumerate(theirs[: len(mine)]):
        assert each.id not in kept or mine[number].id == each.id  # a number that is there stays
    assert schema.check(run.path) == []
    born = [e for e in run.record["since"]["events"] if e["event"] in ("born", "split")]
    gone = [e for e in run.record["since"]["events"] if e["event"] in ("merged", "dissolved")]
    assert len(born) == len(mine) - len(kept)
    assert len(gone) == len(theirs) - len(kept)


def test_clusters_afterwards_are_followed_both_ways(root, first):
    posthoc = train(root, period(0), "head=posthoc", f"head.segments={K}", "trainer.max_epochs=4")
    run = train(root, period(1), f"segments.since={posthoc.path}")
    assert run.metric("segment/kept") > 0.8
    back = train(
        root, period(1), "head=posthoc", f"head.segments={K}", "trainer.max_epochs=4",
        f"segments.since={first.path}",
    )  # fmt: skip
    assert back.metric("segment/kept") > 0.8
    assert durable.of(back.stored)[1].name == "Night owls"


def test_what_cannot_be_followed_is_refused(root, first, tmp_path):
    with pytest.raises(InputError, match="none of its 120 users"):
        train(root, period(0, prefix="other"), f"segments.since={first.path}")
    with pytest.raises(InputError, match="not a run folder"):
        train(root, period(0), f"segments.since={tmp_path / 'nothing'}")
    plain = ["head=dot", "trainer.max_epochs=1", f"runs.root={root}"]
    with pytest.raises(InputError, match="this head has no segments"):
        gnnseg.train(period(0), [*plain, f"segments.since={first.path}"])
    dot = gnnseg.train(period(0), plain)
    with pytest.raises(InputError, match="its head has no segments"):
        train(root, period(0), f"segments.since={dot.path}")
    with pytest.raises(InputError, match=r"segments\.keep=-1: must be 0 or more"):
        train(root, period(0), "segments.keep=-1")
    shutil.copytree(first.path, tmp_path / "half")
    record = json.loads((first.path / "run.json").read_text("utf-8"))
    (tmp_path / "half" / "run.json").write_text(json.dumps({**record, "state": "running"}))
    with pytest.raises(InputError, match="that run is running"):
        train(root, period(0), f"segments.since={tmp_path / 'half'}")


def test_what_the_earlier_run_was_trained_on_is_no_test(root, first):
    run = train(root, period(0), f"segments.since={first.path}", "split.seed=1")
    assert any("stand in the training of" in text for text in run.record["alarms"])


def test_an_earlier_run_may_be_a_refit(root, first):
    path = refit.refit(first.path, say=lambda line: None, progress=False)
    run = train(root, period(1), f"segments.since={path}")
    assert durable.of(run.stored) == durable.of(first.stored)
    assert run.record["since"]["run"] == path.name


def test_evidence_of_a_run_that_starts_from_another_starts_there_too(later, tmp_path):
    shutil.copytree(later.path, tmp_path / "run")
    run = StoredRun(tmp_path / "run")
    assert stability.add(run, 2, workers=1)
    assert schema.check(run.path) == []
    back = StoredRun(run.path).metrics
    assert back["segment/stability_ari"] > 0.8
    assert back["segment/stability_bootstrap_ari"] > 0.5  # the sample's people start as themselves
    assert durable.of(StoredRun(run.path))[1].name == "Night owls"
    path = refit.refit(run.path, say=lambda line: None, progress=False)
    with pytest.raises(InputError, match="is a refit on all events"):
        stability.add(StoredRun(path), 1)
    assert "--evidence" not in tables.run(path)


@pytest.mark.parametrize(
    ("moved", "refits", "warned"),
    [
        (1 / 2000, [0, 0, 0], False),
        (3 / 2000, [1, 1, 0], False),
        (20 / 2000, [0, 0, 0], True),
        (200 / 2000, [1, 0, 2], True),
        (0.0553, [111, 111, 115], False),
        (0.08, [111, 111, 115], True),
    ],
)
def test_a_person_or_two_are_no_drift(moved, refits, warned):
    found = since._drift(moved, np.array(refits) / 2000, 2000, "before")
    assert bool(found) == warned
