"""Trained users given to ``assign`` as somebody unknown: who is found again, and what is said."""

import logging
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

import gnnseg
from gnnseg.models.regression import Regression
from gnnseg.runs import new_users, weights

DAY = 86400


def purchases(users=60, items=24, seed=0):
    """Four groups that buy of their own six items, most of the time."""
    draw = np.random.default_rng(seed)
    rows = []
    for u in range(users):
        for _ in range(20):
            j = draw.integers(6) + 6 * (u % 4) if draw.random() < 0.85 else draw.integers(items)
            when = 1.6e9 + float(draw.integers(300)) * DAY
            rows.append((f"u{u}", f"i{j}", when, float(draw.integers(1, 9))))
    return pl.DataFrame(rows, schema=["user", "item", "time", "spend"], orient="row")


def people(users=60):
    return pl.DataFrame(
        {"id": [f"u{u}" for u in range(users)], "group": [f"g{u % 4}" for u in range(users)]}
    )


def friends(users=60):
    ties = [(f"u{u}", f"u{(u + 4 * step) % users}") for u in range(users) for step in (1, 2)]
    return pl.DataFrame(ties, schema=["user", "friend"], orient="row")


def train(where, *more):
    data = gnnseg.interactions(
        purchases(), time="time", spend="spend", users=people(), social=friends()
    )
    settings = [
        "head.segments=4", "trainer.max_epochs=40", "split=random", f"runs.root={where}", *more
    ]  # fmt: skip
    return gnnseg.train(data, settings, seed=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    where = tmp_path_factory.mktemp("runs")
    kinds = ("lightgcn", "linear", "social")
    return {kind: train(where, f"encoder={kind}") for kind in kinds}


def as_unknown(run):
    """Every trained user's history under another id, as a table of events."""
    train_ = run.split().train
    ids, items = run.stored.users.ids, run.stored.items.ids
    rows = [
        (f"new {ids[u]}", items[j])
        for u, j, n in zip(train_.user, train_.item, train_.count, strict=True)
        for _ in range(n)
    ]
    return pl.DataFrame(rows, schema=["user", "item"], orient="row")


@pytest.mark.parametrize("kind", ["lightgcn", "linear", "social"])
def test_the_figure_is_high_and_in_the_record(runs, kind):
    run = runs[kind]
    least = 0.8 if kind == "linear" else 0.9  # age and money beside the group, 60 users in all
    assert run.metric("segment/self_assign") >= least
    assert least - 0.2 <= run.metric("segment/self_assign_ari") <= 1
    assert ("segment/self_assign_known" in run.metrics) == (kind != "lightgcn")
    if kind == "social":
        assert run.metric("segment/self_assign_known") == 1
    page = (run.path / "report.html").read_text("utf-8")
    assert "of trained users: assign gives" in page


def test_the_figure_is_what_assign_does(runs):
    """The oracle: the public door, one row an event."""
    run = runs["lightgcn"]
    found = run.assign(as_unknown(run)).with_columns(pl.col("user").str.strip_prefix("new "))
    both = found.join(run.segments(), on="user", suffix="_trained")
    same = (both["segment"] == both["segment_trained"]).mean()
    assert same == pytest.approx(run.metric("segment/self_assign"))


def test_who_brings_less_than_training_read_is_told(runs, caplog):
    with caplog.at_level(logging.WARNING, logger="gnnseg"):
        runs["lightgcn"].assign({"anna": ["i0", "i1"]})
        assert not caplog.records
        runs["linear"].assign({"anna": ["i0", "i1"]})
        assert "was trained on group, recency, interval" in caplog.text
        runs["social"].assign({"anna": ["i0", "i1"]})
    assert "was trained on friends too: not given here" in caplog.text


def test_who_brings_no_times_or_weights_though_training_read_them_is_told(runs, caplog):
    read = replace(runs["lightgcn"].stored.known, half_life=np.array([86400.0]), edges="weight")
    whole = pl.DataFrame({"user": ["anna"], "item": ["i0"], "time": [5.0], "weight": [2.0]})
    with caplog.at_level(logging.WARNING, logger="gnnseg"):
        new_users.read(whole, read)
        assert not caplog.records
        new_users.read(whole.select("user", "item"), read)
    assert "was trained on times too: not given here, so that habits do not fade" in caplog.text
    assert "was trained on weights too: not given here" in caplog.text
    assert weights.read_of({"graph": {"weights": "log"}}) == "weight"
    assert weights.read_of({"graph": {"weights": "spend"}}) == "spend"
    assert weights.read_of({"graph": {"weights": None}}) == ""


def test_a_low_figure_is_said_in_the_run_and_at_assign(runs, caplog, monkeypatch):
    from gnnseg.runs import self_assign

    metrics = {"segment/self_assign": 0.544, "segment/self_assign_known": 0.99}
    assert self_assign.warning(metrics) == [
        "assign puts 54% of the trained users where training did, by their histories alone; 99% "
        "with their attributes and friends"
    ]
    metrics["segment/self_assign_left_out"] = 0.51
    assert self_assign.warning(metrics)[0].endswith(
        "99% with their attributes and friends, which their histories do not say: a regression on "
        "these puts 51% of people left out of it there"
    )
    metrics["segment/self_assign_known"] = 0.85  # then it is not the attributes
    assert "regression" not in self_assign.warning(metrics)[0]
    assert self_assign.warning({"segment/self_assign": 0.95}) == []
    run = gnnseg.load(runs["lightgcn"].path)
    run.stored.metrics["segment/self_assign"] = 0.544
    with caplog.at_level(logging.WARNING, logger="gnnseg"):
        run.assign({"anna": ["i0", "i1"]})
    assert "54% of the trained users" in caplog.text
    assert "not in a history" not in caplog.text
    run = gnnseg.load(runs["social"].path)
    run.stored.metrics["segment/self_assign"] = 0.544
    with caplog.at_level(logging.WARNING, logger="gnnseg"):
        run.assign({"anna": ["i0", "i1"]})
    assert "give what is not in a history (100% with that)" in caplog.text


def test_who_is_left_out_of_the_regression_is_asked_by_it(runs):
    """The oracle: a ridge regression fitted without somebody, for some of them."""
    fold = runs["social"].stored.fold_in
    told, target = fold._histories.whole(fold.graph), fold._trained.user_UD
    found = fold.left_out(None)
    close = []
    for user in range(0, 60, 12):
        others = np.arange(60) != user
        alone = Regression(told[others], target[others]).predict(told[user : user + 1])
        close.append(torch.cosine_similarity(alone, found._e.user_UD[user : user + 1]).item())
    assert np.mean(close) > 0.9
    share = runs["social"].metric("segment/self_assign_left_out")
    assert 0.25 < share <= 1
    assert "segment/self_assign_left_out" not in runs["lightgcn"].metrics


# --- pitfalls of folding in, as others report them -----------------------------------------------


@pytest.mark.parametrize("kind", ["lightgcn", "social"])
def test_one_event_moves_somebody_a_little_towards_its_segment(runs, kind):
    run = runs[kind]
    alpha = [f"alpha_{k + 1}" for k in range(4)]
    found = run.assign({"nobody": [], "one": ["i0"], "many": [f"i{j}" for j in range(6)]})
    nobody, one, many = found.select(alpha).to_numpy()
    assert np.isfinite(found.select(alpha).to_numpy()).all()
    home = int(many.argmax())
    assert nobody[home] <= one[home] + 1e-6 <= many[home] + 2e-6


def test_a_very_heavy_user_and_duplicate_events_stay_finite_and_alike(runs):
    run = runs["lightgcn"]
    everything = [f"i{j}" for j in range(24)]
    found = run.assign({"all": everything, "thrice": everything * 3, "again": everything})
    alpha = found.drop("user", "segment", "reason").to_numpy()
    assert np.isfinite(alpha).all()
    np.testing.assert_allclose(alpha[0], alpha[1], atol=1e-5)  # the graph is without weights
    np.testing.assert_allclose(alpha[0], alpha[2], atol=1e-6)


@pytest.mark.parametrize("kind", ["lightgcn", "linear", "social"])
def test_unknown_items_alone_are_nobody(runs, kind):
    run = runs[kind]
    found = run.assign({"stranger": ["x1", "x2"], "nobody": []})
    one, other = found.drop("user", "segment", "reason").to_numpy()
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_attributes_alone_are_enough_for_an_encoder_of_attributes(runs):
    run = runs["linear"]
    new = pl.DataFrame({"id": [f"n{g}" for g in range(4)], "group": [f"g{g}" for g in range(4)]})
    found = run.assign(None, users=new)
    trained = run.segments().with_columns(group=pl.col("user").str.slice(1).cast(pl.Int64) % 4)
    usual = trained.group_by("group").agg(pl.col("segment").mode().first()).sort("group")
    assert found["segment"].to_list() == usual["segment"].to_list()


def test_new_users_are_their_own_whoever_else_comes(runs):
    for run in runs.values():
        both = run.assign({"a": ["i0", "i1", "i7"], "b": ["i20", "i21"]})
        alone = run.assign({"b": ["i20", "i21"]})
        np.testing.assert_allclose(
            both.drop("user", "segment", "reason").to_numpy()[1],
            alone.drop("user", "segment", "reason").to_numpy()[0],
            atol=1e-5,
        )
