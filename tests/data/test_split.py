"""Splits against loops; merging, leaks, unseen users; no draw depends on the order of rows."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gnnseg.data import merging, split
from gnnseg.types import Dataset, IdMap, InputError, Interactions, Relation, Split

RANDOM = {"_target_": "gnnseg.data.split.RandomOverall", "seed": 0, "ratios": [0.8, 0.1, 0.1]}
PER_USER = {**RANDOM, "_target_": "gnnseg.data.split.RandomPerUser"}
TIME = {"_target_": "gnnseg.data.split.GlobalTime", "seed": 0, "quantiles": [0.8, 0.9]}
LAST = {"_target_": "gnnseg.data.split.LeaveLast", "seed": 0, "least": 3}


def ids(prefix: str, n: int) -> IdMap:
    return IdMap(np.array([f"{prefix}{i}" for i in range(n)], dtype=object))


def dataset(events: int = 400, time: bool = True, seed: int = 0) -> Dataset:
    g = np.random.default_rng(seed)
    return Dataset(
        name="drawn", users=ids("u", 20), items=ids("i", 30),
        interactions=Interactions(
            g.integers(0, 20, events), g.integers(0, 30, events),
            weight=g.integers(1, 6, events).astype(float),
            time=g.integers(0, 300, events).astype(float) if time else None, spend=g.random(events),
        ),
    )  # fmt: skip


def shuffled(d: Dataset) -> Dataset:
    order = np.random.default_rng(9).permutation(len(d.interactions))
    return replace(d, interactions=d.interactions.rows(order))


@pytest.mark.parametrize(
    "node", [RANDOM, PER_USER, TIME, LAST], ids=["overall", "per user", "time", "last"]
)
def test_every_event_is_in_one_part_and_rows_order_does_not_matter(node: dict[str, object]) -> None:
    d = dataset()
    made, again = split.make(d, node), split.make(shuffled(d), node)
    assert made.fingerprint == again.fingerprint
    assert sum(int(p.count.sum()) for p in made.parts.values()) == 400
    whole = Counter(zip(d.interactions.user.tolist(), d.interactions.item.tolist(), strict=True))
    found: Counter[tuple[int, int]] = Counter()
    for part in made.parts.values():
        for u, i, n in zip(
            part.user.tolist(), part.item.tolist(), part.count.tolist(), strict=True
        ):
            found[u, i] += n
    assert found == whole


def test_overall_sizes_and_seeds() -> None:
    d = dataset()
    sizes = [int(p.count.sum()) for p in split.make(d, RANDOM).parts.values()]
    assert sizes == [320, 40, 40]
    assert split.make(d, {**RANDOM, "seed": 1}).fingerprint != split.make(d, RANDOM).fingerprint


def test_per_user_shares() -> None:
    d = dataset()
    made = split.make(d, PER_USER)
    for u in range(20):
        n = int((d.interactions.user == u).sum())
        assert int(made.test.count[made.test.user == u].sum()) == n // 10
        assert int(made.valid.count[made.valid.user == u].sum()) == n // 10


def test_global_time_ties_go_to_the_later_part() -> None:
    d = dataset()
    time = d.interactions.time
    assert time is not None
    low, high = sorted(time.tolist())[int(0.8 * 399)], sorted(time.tolist())[int(0.9 * 399)]
    made = split.make(d, TIME)
    assert int(made.train.count.sum()) == int((time < low).sum())
    assert int(made.test.count.sum()) == int((time >= high).sum())
    assert made.train.last is not None
    assert made.valid.first is not None
    assert made.train.last.max() < made.valid.first.min()
    assert made.notes["leak"]["users"] == 0


def test_leave_last_equals_a_loop() -> None:
    d = dataset()
    made = split.make(d, LAST)
    e = d.interactions
    assert e.time is not None
    for u in range(20):
        mine = sorted(e.time[e.user == u].tolist())
        assert made.test.last is not None
        assert made.test.last[made.test.user == u].tolist() == [mine[-1]]
        assert made.valid.count[made.valid.user == u].tolist() == [1]


def test_merging_keeps_weight_count_times_and_spend() -> None:
    e = Interactions(
        np.array([1, 0, 1, 1]), np.array([2, 0, 2, 0]), weight=np.array([1.0, 2.0, 3.0, 4.0]),
        time=np.array([5.0, 6.0, 2.0, 1.0]),
        spend=np.array([0.5, 1.0, 0.25, 2.0]),
    )  # fmt: skip
    p = merging.merge(e, 3)
    assert list(zip(p.user.tolist(), p.item.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 2)]
    assert p.weight.tolist() == [2, 4, 4]
    assert p.count.tolist() == [1, 1, 2]
    assert p.first is not None
    assert p.last is not None
    assert p.spend is not None
    assert (p.first.tolist(), p.last.tolist(), p.spend.tolist()) == (
        [6, 1, 2],
        [6, 1, 5],
        [1, 2, 0.75],
    )
    assert merging.merge(replace(e, weight=None), 3).weight.tolist() == [1, 1, 2]


def test_leaks_and_strangers_are_counted() -> None:
    events = Interactions(
        np.array([0, 0, 1, 1, 2]),
        np.array([0, 1, 0, 1, 2]),
        time=np.array([1.0, 9.0, 2.0, 5.0, 6.0]),
    )
    parts = np.array([0, 0, 1, 2, 2], dtype=np.int8)
    d = Dataset(name="hand", users=ids("u", 3), items=ids("i", 3), interactions=events, parts=parts)
    made = split.make(d, {"_target_": "gnnseg.data.split.AsGiven", "seed": 0})
    assert made.notes["leak"] == {"boundary": 5.0, "users": 1, "share": 1 / 3, "examples": ["u0"]}
    assert made.notes["test users unseen in train"] == 2
    assert made.notes["test items unseen in train"] == 1


def test_auto_takes_what_is_there() -> None:
    node = {
        "_target_": "gnnseg.data.split.Auto",
        "seed": 0,
        "quantiles": [0.8, 0.9],
        "ratios": [0.8, 0.1, 0.1],
    }
    assert split.make(dataset(), node).fingerprint == split.make(dataset(), TIME).fingerprint
    assert (
        split.make(dataset(time=False), node).fingerprint
        == split.make(dataset(time=False), RANDOM).fingerprint
    )
    one_day = dataset()
    assert one_day.interactions.time is not None
    one_day.interactions.time[:] = 5.0
    made = split.make(one_day, node)
    assert made.fingerprint == split.make(one_day, RANDOM).fingerprint, "one day divides nothing"


@pytest.mark.parametrize(
    ("node", "time", "match"),
    [
        (TIME, False, "split=time: drawn has no times"),
        (LAST, False, "has no times"),
        (
            {"_target_": "gnnseg.data.split.AsGiven", "seed": 0},
            True,
            "split=given: drawn brings no parts",
        ),
        ({**RANDOM, "ratios": [0.9, 0.1, 0.1]}, True, "split.ratios"),
        ({**TIME, "quantiles": [0.9, 0.8]}, True, "split.quantiles"),
    ],
)
def test_bad_splits_are_one_sentence(node: dict[str, object], time: bool, match: str) -> None:
    with pytest.raises(InputError, match=match):
        split.make(dataset(time=time), node)


def test_an_empty_part_is_one_sentence() -> None:
    tiny = Dataset(
        name="tiny",
        users=ids("u", 2),
        items=ids("i", 2),
        interactions=Interactions(np.array([0, 1]), np.array([0, 1])),
    )
    with pytest.raises(InputError, match="no valid interaction|no test interaction"):
        split.make(tiny, RANDOM)


def test_the_whole_data_have_one_fingerprint_however_they_are_split() -> None:
    d = dataset()
    whole = {split.make(d, node).whole for node in (RANDOM, {**RANDOM, "seed": 1}, TIME)}
    assert len(whole) == 1
    weight = np.arange(len(d.interactions), dtype=float)
    other = replace(d, interactions=replace(d.interactions, weight=weight))
    assert split.make(other, RANDOM).whole not in whole


def test_the_fingerprint_sees_content_and_pairs_are_published_ones() -> None:
    from gnnseg.data.fingerprint import content_fingerprint, pair_fingerprint

    made: Split = split.make(dataset(), RANDOM)
    changed = replace(made, train=replace(made.train, weight=made.train.weight + 1))
    assert content_fingerprint(changed) != made.fingerprint
    renamed = replace(made, users=ids("v", 20))
    assert content_fingerprint(renamed) != made.fingerprint
    import hashlib
    import struct

    pairs = [(3, 1), (0, 2), (0, 1)]
    text = b"".join(struct.pack("<qq", u, i) for u, i in sorted(pairs))
    got = pair_fingerprint(np.array([u for u, _ in pairs]), np.array([i for _, i in pairs]))
    assert got == hashlib.sha256(text).hexdigest()[:16]


@pytest.mark.parametrize(
    "node", [RANDOM, PER_USER, TIME, LAST], ids=["overall", "per user", "time", "last"]
)
def test_no_edge_tells_of_what_is_held_out(node: dict[str, object]) -> None:
    d, g = dataset(), np.random.default_rng(5)
    e, told = d.interactions, np.arange(0, 400, 2)
    told = np.concatenate([told, told[:50]])  # some stand twice
    tag, other = g.integers(0, 7, 250), g.integers(0, 7, 40)
    user, item = (
        np.concatenate([e.user[told], g.integers(0, 20, 40)]),
        np.concatenate([e.item[told], np.full(40, -1)]),
    )
    tags = Relation(
        name="tags",
        source_kind="user",
        target_kind="tag",
        source=user,
        target=np.concatenate([tag, other]),
        weight=np.ones(290),
        user=user,
        item=item,
    )
    made = split.make(replace(d, relations=(tags,), entities={"tag": ids("t", 7)}), node)
    held = {
        (u, i)
        for p in (made.valid, made.test)
        for u, i in zip(p.user.tolist(), p.item.tolist(), strict=True)
    }
    known = set(zip(made.train.user.tolist(), made.train.item.tolist(), strict=True))
    expected: Counter[tuple[int, int]] = Counter()
    for u, t, i in zip(user.tolist(), tags.target.tolist(), item.tolist(), strict=True):
        if (u, i) not in held or (u, i) in known:
            expected[u, t] += 1
    (kept,) = made.relations
    assert kept.user is None
    assert kept.item is None
    assert (
        dict(
            zip(
                zip(kept.source.tolist(), kept.target.tolist(), strict=True),
                kept.weight.tolist(),
                strict=True,
            )
        )
        == expected
    )
    left_out = 290 - sum(expected.values())
    assert made.notes["'tags' edges left out that tell of valid or test"] == left_out > 0


def test_no_edge_is_later_than_training() -> None:
    d, g = dataset(), np.random.default_rng(5)
    user, campaign, time = (
        g.integers(0, 20, 200),
        g.integers(0, 9, 200),
        g.integers(0, 300, 200).astype(float),
    )
    sent = Relation(
        name="was sent",
        source_kind="user",
        target_kind="campaign",
        source=user,
        target=campaign,
        weight=np.ones(200),
        time=time,
    )
    provides = Relation(
        name="offers",
        source_kind="campaign",
        target_kind="item",
        source=campaign,
        target=g.integers(0, 30, 200),
        weight=np.ones(200),
        time=time,
    )
    d = replace(d, relations=(sent, provides), entities={"campaign": ids("c", 9)})
    for node in (TIME, LAST):
        made = split.make(d, node)
        assert made.train.last is not None
        last = {u: made.train.last[made.train.user == u].max() for u in range(20)}
        early = [t <= last[u] for u, t in zip(user.tolist(), time, strict=True)]
        assert made.relations[0].weight.sum() == sum(early) < 200
        assert set(
            zip(made.relations[0].source.tolist(), made.relations[0].target.tolist(), strict=True)
        ) == set(zip(user[early].tolist(), campaign[early].tolist(), strict=True))
        assert made.relations[1].weight.sum() == (time <= made.train.last.max()).sum()
    timeless = split.make(replace(d, interactions=replace(d.interactions, time=None)), RANDOM)
    assert timeless.relations[0].weight.sum() == 200
