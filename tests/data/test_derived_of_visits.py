"""Recency, frequency, interval and spend count visits, not lines."""

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.data import clean, derived, merging, split
from gnnseg.data.raw import Raw
from gnnseg.runs import counterfactual, new_users

DAY = 86_400.0


def lines(order: bool) -> pl.DataFrame:
    """Users a (one receipt of 12 lines) and b (six receipts of 2 lines, 30 days apart)."""
    rows = [("a", f"i{n % 7}", 0.0, "a1") for n in range(12)]
    rows += [("b", f"i{n}", 30 * DAY * v, f"b{v}") for v in range(6) for n in range(2)]
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "order"], orient="row")
    frame = frame.with_columns(spend=pl.lit(2.0))
    return frame if order else frame.drop("order")


def of_users(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    dataset = clean.build(
        Raw(name="shop", events=frame), min_weight=None, k_core=0, say=lambda line: None
    )
    pairs = merging.merge(dataset.interactions, len(dataset.items))
    until = None if pairs.last is None else float(pairs.last.max())
    return derived.of_users(2, pairs, until, {})


@pytest.mark.parametrize("order", [False, True])
def test_a_receipt_of_twelve_lines_is_one_visit(order: bool) -> None:
    found = {name: np.expm1(values) for name, values in of_users(lines(order)).items()}
    assert found["frequency"] == pytest.approx([1, 6])
    assert np.isnan(found["interval"][0])  # one visit has no interval
    assert found["interval"][1] == pytest.approx(30)
    assert found["recency"] == pytest.approx([150, 0])
    assert found["spend level"] == pytest.approx([24, 24])
    assert found["spend a visit"] == pytest.approx([24, 4])


def test_orders_tell_visits_of_one_day_apart_and_visits_without_times() -> None:
    one_day = lines(order=True).with_columns(time=pl.lit(0.0))
    assert np.expm1(of_users(one_day)["frequency"]) == pytest.approx([1, 6])
    assert np.expm1(of_users(one_day.drop("time"))["frequency"]) == pytest.approx([1, 6])
    assert np.expm1(of_users(one_day.drop("order", "time"))["frequency"]) == pytest.approx([12, 12])


def test_an_order_is_at_one_time_the_first_of_its_lines() -> None:
    late = lines(order=True).with_columns(
        time=pl.col("time") + pl.int_range(pl.len()).over("order") * 60.0
    )
    dataset = clean.build(
        Raw(name="shop", events=late), min_weight=None, k_core=0, say=lambda line: None
    )
    assert dataset.interactions.time is not None
    assert sorted(set(dataset.interactions.time / DAY)) == [0, 30, 60, 90, 120, 150]
    plain, late_ = of_users(lines(order=True)), of_users(late)
    for name, values in plain.items():
        np.testing.assert_allclose(late_[name], values)


def test_orders_are_part_of_what_a_set_is_and_times_alone_are_as_before() -> None:
    def fingerprint(frame: pl.DataFrame) -> str:
        raw = Raw(name="shop", events=frame)
        dataset = clean.build(raw, min_weight=None, k_core=0, say=lambda line: None)
        node = {"_target_": "gnnseg.data.split.RandomOverall"}
        return split.make(dataset, node).fingerprint

    with_orders = lines(order=True)
    other = with_orders.with_columns(order=pl.col("user"))
    renamed = with_orders.with_columns(order=pl.lit("x") + pl.col("order"))
    assert fingerprint(with_orders) != fingerprint(lines(order=False))
    assert fingerprint(with_orders) != fingerprint(other)
    assert fingerprint(with_orders) == fingerprint(renamed.sample(fraction=1.0, shuffle=True))


def test_new_users_visits_are_counted_as_trainings_are(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    rows = [
        (f"u{u:02}", f"i{i}", (19_000 + v) * DAY, f"{u}-{v}")
        for u in range(30)
        for v in range(1 + u % 5)
        for i in draw.choice(12, 3, replace=False)
    ]
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "order"], orient="row")
    run = gnnseg.train(
        gnnseg.interactions(frame, time="time", order="order"),
        ["encoder=linear", "head.segments=2", "trainer.max_epochs=2", "split=random",
         "features.only=[frequency,popularity]", "runs.root=runs"],
    )  # fmt: skip
    known = run.stored.known
    trained = run.stored.split().train
    assert set(np.rint(np.bincount(trained.user, trained.visits))) == {1, 2, 3, 4, 5}
    by_order = new_users.read(lines(order=True).drop("time", "spend"), known)
    by_time = new_users.read(lines(order=False).drop("spend"), known)
    for part in (by_order, by_time):
        assert derived.visits_of(2, part.pairs) == pytest.approx([1, 6])
    changed = counterfactual_visits(run)
    assert changed == pytest.approx(1)


def counterfactual_visits(run: gnnseg.Run) -> float:
    """Return by how much one interaction more raises a user's visits."""
    asked = counterfactual.Asked.of(run.stored, "u04")
    item = int(asked.others()[0])
    after = asked.changed(asked.history, counterfactual.Change(item, True))
    return float(derived.visits_of(1, after)[0] - derived.visits_of(1, asked.history)[0])
