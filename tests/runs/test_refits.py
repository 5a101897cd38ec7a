"""Refits from a run's folder alone: where nothing changes it is the run, else what it says."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnnseg import config
from gnnseg.evaluation.segments import stability
from gnnseg.rng import Rng
from gnnseg.runs import persistence, refits
from gnnseg.runs import train as pipeline
from gnnseg.runs.fitting import fit_in_memory
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "head.segments=4", "trainer.max_epochs=12", "trainer.eval_every=4", "encoder.dim=8",
    "threads=1", "device=cpu",
]  # fmt: skip


def run_of(root: Path, *overrides: str) -> StoredRun:
    composed = config.compose([f"runs.root={root}", *SMALL, *overrides])
    config.check(composed)
    return StoredRun(pipeline.train(composed, say=lambda line: None).path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return run_of(tmp_path_factory.mktemp("runs"))


def alpha_of(run: StoredRun) -> np.ndarray:
    return run.tensor("alpha").numpy()


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["head=posthoc", "trainer.batch_size=512", "trainer.max_epochs=2", "trainer.eval_every=1"],
        ["evaluation.protocol=paper"],
        ["data.homophily=0.8", "encoder.social=1"],
        ["encoder=rgcn", "encoder.dim=8", "encoder.ties=true", "data.homophily=0.8",
         "data.relation_signal=0.9"],
        ["encoder=linear", "data.group_signal=0.9", "regularisers.labels.weight=0.5",
         "regularisers.labels.column=group",
         "data.category_signal=0.9"],
        ["trainer.callbacks=null", "objective.weights=log", "graph.weights=log"],
    ],
    ids=["default", "posthoc", "paper", "ties", "relations", "attributes, labels", "weights"],
)  # fmt: skip
def test_a_refit_that_changes_nothing_is_the_run(overrides: list[str], tmp_path: Path) -> None:
    """By the folder alone, bit for bit: the same code path trains both."""
    if "encoder=linear" in overrides:
        overrides = [*overrides, "encoder.dim=8"]
    done = run_of(tmp_path, *overrides)
    again = refits.one(done.path, "seed", 0)
    assert (again.alpha == alpha_of(done)).all()
    assert again.value == done.record["best"]["value"]
    assert again.epoch == done.record["best"]["epoch"]
    assert again.modularity == pytest.approx(done.metrics["segment/modularity"])
    for kind in ("events", "users", "rewired"):
        other = refits.one(done.path, kind, 1)
        assert other.alpha.shape == again.alpha.shape
        known = other.alpha[~np.isnan(other.alpha).any(1)]
        np.testing.assert_allclose(known.sum(1), 1, atol=1e-5)
        assert (len(known) < 150) == (kind == "users")


def test_a_refit_of_another_seed_is_the_run_of_that_seed(run: StoredRun) -> None:
    other = run_of(run.path.parent, "seed=2")
    assert (refits.one(run.path, "seed", 2).alpha == alpha_of(other)).all()


def test_processes_do_not_move_a_figure(run: StoredRun) -> None:
    asked = [("events", 1), ("seed", 1), ("users", 2), ("rewired", 1)]
    seen: list[tuple[int, int]] = []
    one = list(refits.fit(run, asked, workers=1, progress=lambda *at: seen.append(at)))
    two = list(refits.fit(run, asked, workers=2))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for a, b, (kind, number) in zip(one, two, asked, strict=True):
        np.testing.assert_array_equal(a.alpha, b.alpha)
        assert (a.kind, a.number, a.epoch, a.value) == (kind, number, b.epoch, b.value)
    assert not (one[0].alpha == one[1].alpha).all()


def test_memberships_of_refits_agree_with_the_run_on_easy_segments(run: StoredRun) -> None:
    found = refits.alphas(run, 2, workers=1)
    assert len(found) == 2
    agreed = stability.compare(alpha_of(run).astype(float), found[0], Rng(0))
    assert agreed.soft > 0.5


def test_only_what_is_trained_on_is_thinned(run: StoredRun, monkeypatch) -> None:
    plans, fitted = [], refits.fit_in_memory

    def noted(plan, *rest, **more):
        plans.append(plan)
        return fitted(plan, *rest, **more)

    monkeypatch.setattr(refits, "fit_in_memory", noted)
    refits.one(run.path, "events", 3)
    plan, split = plans[0], run.split()
    assert len(plan.train_pairs) == pytest.approx(0.9 * len(split.train), rel=0.02)
    assert (np.bincount(plan.train_pairs.user, minlength=150) > 0).sum() == len(
        np.unique(split.train.user)
    )
    for part in ("train", "valid"):
        assert (getattr(plan.split, part).item == getattr(split, part).item).all()
    assert plan.config["seed"] == 3


def test_a_sample_without_validation_pairs_trains_as_long_as_the_run(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a small set's samples of people are now and then: nothing is asked of them."""
    split = run.split()
    validated = np.bincount(split.valid.user, minlength=len(split.users)) > 0
    others = np.flatnonzero(~validated)
    assert 0 < len(others) < len(validated)
    people = np.sort(np.resize(others, len(split.users)))
    monkeypatch.setattr(refits.resampling, "resampled", lambda count, rng: people)
    asked = []
    monkeypatch.setattr(
        refits, "fit_in_memory", lambda *a, **k: asked.append(k["epochs"]) or fit_in_memory(*a, **k)
    )
    found = refits.one(run.path, "users", 1)
    assert asked == [run.record["best"]["epoch"]]
    assert found.value is None
    assert np.isfinite(found.alpha[others]).all()
    assert np.isnan(found.alpha[validated]).all()


def test_ties_relations_and_labels_go_with_the_people(tmp_path: Path) -> None:
    done = run_of(
        tmp_path, "encoder=rgcn", "encoder.dim=8", "encoder.ties=true", "data.homophily=0.8",
        "data.relation_signal=0.9", "data.group_signal=0.9", "regularisers.labels.weight=0.1",
        "regularisers.labels.column=group",
    )  # fmt: skip
    beside = persistence.beside(done.path)
    people = np.sort(np.random.default_rng(0).integers(0, 150, 150))
    sample = beside.of(people)
    ends = {(int(a), int(b)) for a, b in zip(beside.ties.source, beside.ties.target, strict=True)}
    expected = sorted(
        (a, b) for a in range(150) for b in range(150) if (people[a], people[b]) in ends
    )
    found = sorted(
        (int(a), int(b)) for a, b in zip(sample.ties.source, sample.ties.target, strict=True)
    )
    assert found == expected
    assert (sample.labels.label == beside.labels.label[people]).all()
    follows = next(r for r in beside.relations if "user" in (r.source_kind, r.target_kind))
    again = next(r for r in sample.relations if r.name == follows.name)
    end = "source" if follows.source_kind == "user" else "target"
    times = np.bincount(people, minlength=150)
    assert len(again) == times[getattr(follows, end)].sum()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "interrupted"}, "is interrupted; finish it"),
        ({"numerics": 1}, "numerics 1, and this is .*train it again"),
    ],
)
def test_what_cannot_be_fitted_again_is_refused(
    changes: dict, said: str, run: StoredRun, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    with pytest.raises(InputError, match=said):
        refits.alphas(StoredRun(tmp_path / "run"), 1)


def test_no_segments_and_logs_are_refused(tmp_path: Path) -> None:
    few = ["trainer.max_epochs=1", "trainer.eval_every=1", "trainer.batch_size=1024"]
    plain = [each for each in SMALL if not each.startswith("head.")]
    composed = config.compose([f"runs.root={tmp_path}", *plain, "head=dot", *few])
    with pytest.raises(InputError, match=r"no segments; train with head=segments"):
        refits.alphas(StoredRun(pipeline.train(composed, say=lambda line: None).path), 1)
    log = config.compose([*SMALL, "data.log_events=300", "experiment=policy", "evidence.refits=2"])
    with pytest.raises(InputError, match=r"learns from a log.*evidence\.refits=0"):
        pipeline.train(log, say=lambda line: None)
