"""A baseline as a run of its own, and beside others."""

import json

import numpy as np
import polars as pl
import psutil
import pytest
import torch

from gnnseg.config import compose
from gnnseg.runs import loading, schema
from gnnseg.runs import train as pipeline
from gnnseg.runs.configured import configured
from gnnseg.runs.identity import identify
from gnnseg.runs.refit import refit
from gnnseg.runs.run import Run
from gnnseg.types import InputError

SMALL = ["data=planted", "data.users=60", "data.items=40", "data.segments=3", "threads=1"]
SMALL += ["data.interactions=500"]
TRAINED = ["encoder=mf", "head=dot", "trainer.max_epochs=1", "trainer.eval_every=1"]


def done(root, *overrides):
    config = configured([*SMALL, f"runs.root={root}", *overrides], [])
    return Run(pipeline.train(config, say=lambda line: None, progress=False).path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ease(root):
    return done(root, "baseline=ease", "baseline.l2=5")


@pytest.fixture(scope="module")
def clustered(root):
    return done(root, "baseline=ease", "baseline.l2=5", "head=posthoc", "head.segments=3")


def test_a_run_is_named_by_its_baseline(ease, clustered):
    assert ease.path.name.startswith("planted-ease-")
    assert clustered.path.name.startswith("planted-ease-posthoc-")
    assert ease.record["config"]["encoder"] == {}


@pytest.mark.parametrize("which", ["ease", "clustered"])
def test_its_folder_is_whole_and_answers_alone(request, which):
    run = request.getfixturevalue(which)
    assert schema.check(run.path) == []
    assert run.record["best"]["value"] == run.metrics["valid/ndcg@20"]
    again = dict(run.evaluate().select("metric", "value").iter_rows())
    for name in ("test/ndcg@20", "test/recall@10"):
        assert again[name] == pytest.approx(run.metrics[name], abs=1e-6)
    stored = pl.read_parquet(run.path / "recommendations.parquet").filter(pl.col("kind") == "user")
    user = stored["id"][0]
    mine = stored.filter(pl.col("id") == user)
    assert run.recommend(user, len(mine))["item"].to_list() == mine["item"].to_list()
    line = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[0])
    assert line["valid/ndcg@20"] == pytest.approx(run.metrics["valid/ndcg@20"])


def test_the_scores_are_those_of_the_formula(ease):
    x = np.zeros((60, 40))
    train = ease.split().train
    x[train.user, train.item] = 1
    p = np.linalg.inv(x.T @ x + 5 * np.eye(40))
    got = loading.scorer_of(ease.path).block(torch.arange(60)).numpy()
    np.testing.assert_allclose(got, x - x @ p / np.diag(p), rtol=1e-4, atol=1e-5)


def test_its_users_can_be_clustered(ease, clustered):
    with pytest.raises(InputError):
        ease.segments()
    assert set(clustered.segments()["segment"]) <= {1, 2, 3}
    assert clustered.metrics["segment/effective_k"] > 2


def test_the_same_command_finds_it(root, ease):
    config = configured([*SMALL, f"runs.root={root}", "baseline=ease", "baseline.l2=5"], [])
    assert pipeline.train(config, say=lambda line: None).reused


def test_what_trains_is_no_part_of_its_name():
    def name(*overrides):
        return identify(compose(["data=gowalla", *overrides]), "0" * 64).name

    assert name("baseline=ease") != name("baseline=ease", "baseline.l2=1")
    paper = ["evaluation.protocol=paper", "baseline=ease"]
    assert name("experiment=gowalla-mf", "baseline=ease") == name(*paper)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["baseline=ease", "encoder=mf"], "encoder=mf: baseline=ease is fitted at once"),
        (["baseline=ease", "head=dot"], "head=dot: baseline=ease scores by itself"),
        (["baseline=ease", "head.segments=4"], "head.segments=4: baseline=ease scores by itself"),
        (["baseline=ease", "objective=bpr"], "without an objective"),
        (["baseline=ease", "trainer.max_epochs=3"], "without a training loop"),
        (["baseline=ease", "optimizer.lr=0.1"], "without an optimizer"),
        (["baseline=ease", "regularisers.l2.weight=0.1"], "without losses"),
        (["baseline=ease", "evidence.refits=2"], "evidence.refits=2"),
        (["baseline=ease", "segments.since=x"], "segments.since=x"),
        (["baseline=ease", "graph.weights=log"], "takes every pair alike"),
        (["baseline=ease", "baseline.l2=0"], "l2 is 0"),
        (["baseline=ease", "baseline.l3=1"], "did you mean baseline.l2"),
        (["baseline=easy"], "did you mean ease"),
        (["baseline=ease", "trainer.monitor=valid/nothing@20"], "does not measure nothing"),
        (["evaluation.baselines=[eas]"], "did you mean ease"),
        (["evaluation.baselines=ease"], "give names"),
        (["evaluation.baselines={ease: {l3: 200}}"], "baselines.ease.l3: no such setting"),
    ],
)
def test_what_cannot_be_is_one_sentence(overrides, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        configured([*SMALL, *overrides], [])


def test_more_segments_than_users_are_refused(root):
    with pytest.raises(InputError, match="head.segments=99: there are"):
        done(root, "baseline=puresvd", "head=posthoc", "head.segments=99")


def test_what_needs_training_says_so(ease, clustered, root):
    for refused in (lambda: refit(ease.path), lambda: clustered.assign({"a": ["1"]})):
        with pytest.raises(InputError, match="baseline=ease"):
            refused()


def test_segments_of_a_baseline_are_asked_for_by_posthoc(ease):
    for asked in (lambda: ease.explain("1"), lambda: ease.explain("1", "1")):
        with pytest.raises(InputError, match=r"its baseline has no segments .* head=posthoc"):
            asked()


def test_baselines_stand_beside_a_run_as_on_their_own(root):
    asked = "evaluation.baselines={puresvd: {factors: 4}, itemknn: {}, popularity: {}}"
    beside = done(root, *TRAINED, asked)
    alone = done(root, "baseline=puresvd", "baseline.factors=4")
    found = beside.record["baselines"]
    assert {"popularity", "puresvd", "itemknn"} <= set(found)
    for name in ("test/ndcg@20", "test/recall@20"):
        assert found["puresvd"][name] == pytest.approx(alone.metrics[name], abs=1e-9)


def test_a_run_without_them_is_called_as_before():
    before = identify(compose([*SMALL]), "0" * 64).name
    assert identify(compose([*SMALL, "evaluation.baselines=[]"]), "0" * 64).name == before
    assert identify(compose([*SMALL, "evaluation.baselines=[ease]"]), "0" * 64).name != before


def test_a_baseline_does_not_lose_against_itself(root):
    run = done(root, "baseline=puresvd", "evaluation.baselines=[puresvd]")
    assert "puresvd" not in {row["name"] for row in run.record["losing"]}
    popular = done(root, "baseline=popularity")
    assert popular.record["losing"] == []


def test_too_large_a_baseline_is_refused_before_anything_is_trained(root, monkeypatch):
    class Free:
        available = 10.0

    monkeypatch.setattr(psutil, "virtual_memory", Free)
    for overrides in (["baseline=ease"], [*TRAINED, "evaluation.baselines=[ease]"]):
        with pytest.raises(InputError, match="ease: the inverse of a matrix of 40 x 40 items"):
            done(root, "seed=7", *overrides)
