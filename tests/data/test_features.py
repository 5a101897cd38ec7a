"""Attributes as numbers: each kind of column against a loop, nothing learned from whom training has
not met."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data import clean, derived, features, fingerprint, values
from gnnseg.data.attributes import CLIP, Classes, Left, Number, Vector
from gnnseg.data.derived import DAY, Interest
from gnnseg.data.encoding import Encoding
from gnnseg.data.hashed import HashedText
from gnnseg.data.raw import Raw
from gnnseg.types import IdMap, InputError, Pairs, Split, Table

DEFAULT = {
    "attributes": True, "derived": True, "only": None, "without": [], "text": [], "buckets": 16,
    "classes": 100,
    "user_vectors": None, "item_vectors": None,
}  # fmt: skip
USERS, ITEMS = 40, 30  # the last user and the last item are met in the test alone


def objects(values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def pairs(rows, draw, users=None):
    user, item = np.array(sorted(set(rows))).T
    n = len(user)
    first = draw.uniform(1e9, 1.01e9, n)
    return Pairs(
        user, item, draw.integers(1, 5, n).astype(float), draw.integers(1, 4, n), first=first,
        last=first + draw.uniform(0, 1e6, n),
        spend=draw.uniform(0, 20, n),
    )  # fmt: skip


def a_split(seed=0):
    draw = np.random.default_rng(seed)
    train = pairs(
        [(int(u), int(i)) for u in range(USERS - 1) for i in draw.choice(ITEMS - 1, 5, False)], draw
    )
    late = pairs([(USERS - 1, ITEMS - 1), (0, ITEMS - 1), (USERS - 1, 0)], draw)
    late = replace(late, first=late.first + 1e8, last=late.last + 1e8)
    age = draw.integers(18, 80, USERS).astype(float)
    age[[3, 9]] = np.nan
    people = Table(
        {
            "age": age,
            "job": objects([("cook", "smith", None)[n % 3] for n in range(USERS)]),
            "likes": objects(
                [
                    "|".join(np.array(["a", "b", "c"])[draw.random(3) < 0.5]) or None
                    for _ in range(USERS)
                ]
            ),
            "post_code": draw.integers(0, 3, USERS).astype(float),
            "nick": objects([f"nick {n}" for n in range(USERS)]),
            "constant": np.ones(USERS),
            "photo": draw.normal(size=(USERS, 3)),
        }
    )
    things = Table(
        {"kind": objects([("tea", "tea|cup", "cup", "pot")[n % 4] for n in range(ITEMS)])}
    )
    names = objects([f"Tea number {n}" for n in range(ITEMS)])
    ids = [
        objects([f"{kind}{n}" for n in range(count)])
        for kind, count in (("u", USERS), ("i", ITEMS))
    ]
    return Split(
        name="toy",
        users=IdMap(ids[0]),
        items=IdMap(ids[1], names),
        train=train,
        valid=train,
        test=late,
        user_table=people,
        item_table=things,
    )


def fit(split, said=None, **settings_):
    made = features.FeatureSettings(**{**DEFAULT, **settings_})
    return made.fit(split, split.train, (said if said is not None else []).append)


def column(found, kind, name):
    return getattr(found, kind)[:, found.encoding.names(kind).index(name)]


# --- each kind against a loop
# -----------------------------------------------------------------------------------


def test_numbers_equal_a_loop():
    split = a_split()
    found = fit(split)
    age = split.user_table.columns["age"]
    known = sorted(x for n, x in enumerate(age) if n < USERS - 1 and not math.isnan(x))
    scale = (np.percentile(known, 75) - np.percentile(known, 25)) / 1.349
    for n, x in enumerate(age):
        wanted = 0.0 if math.isnan(x) else min(CLIP, max(-CLIP, (x - np.median(known)) / scale))
        assert column(found, "user", "age")[n] == pytest.approx(wanted, abs=1e-6)
        assert column(found, "user", "age unknown")[n] == math.isnan(x)


def test_heavy_tails_are_taken_as_logarithms():
    values = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    number = Number.fit("income", values, np.ones(5, dtype=bool))
    assert number.names == ("log income",)
    logs = np.log1p(values)
    scale = (np.percentile(logs, 75) - np.percentile(logs, 25)) / 1.349
    np.testing.assert_allclose(
        number.apply(values)[:, 0], np.clip((logs - logs[2]) / scale, -CLIP, CLIP), rtol=1e-5
    )


def test_classes_equal_a_loop():
    split = a_split()
    found = fit(split, classes=2)
    likes = split.user_table.columns["likes"]
    counts = {word: sum(word in (row or "").split("|") for row in likes[:-1]) for word in "abc"}
    kept = sorted(counts, key=lambda word: (-counts[word], word))[:2]
    assert [n for n in found.encoding.names("user") if n.startswith("likes=")] == [
        *(f"likes={w}" for w in kept),
        "likes=other",
    ]
    for n, row in enumerate(likes):
        words = set(row.split("|")) if row else set()
        for word in kept:
            assert column(found, "user", f"likes={word}")[n] == pytest.approx(
                len(words) ** -0.5 if word in words else 0
            )
        assert column(found, "user", "likes=other")[n] == pytest.approx(
            len(words) ** -0.5 if words - set(kept) else 0
        )
        assert column(found, "user", "likes unknown")[n] == (not words)


def test_rare_classes_are_other_and_near_ids_are_left_out():
    said = []
    split = a_split()
    found = fit(split, said=said)
    names = found.encoding.names("user")
    assert {"job=cook", "job=smith", "job unknown"} <= set(names)
    assert not any(name.startswith(("nick", "constant")) for name in names)
    left = next(line for line in said if "left out" in line)
    assert f"nick ({USERS - 1} different among {USERS - 1} in training)" in left
    assert "constant (the same for everybody in training)" in left
    job = objects([*["cook"] * 20, *["smith"] * 4, *["king"] * 5])
    made = Classes.fit("job", job, np.ones(29, dtype=bool), at_most=9)
    assert (made.classes, made.other) == (("cook", "king"), True)


def test_numbers_that_are_codes_are_classes():
    names = fit(a_split()).encoding.names("user")
    assert {"post_code=0", "post_code=1", "post_code=2"} <= set(names)
    assert values.is_code("storeId")
    assert not values.is_code("period")


def test_text_equals_a_loop():
    import hashlib

    split = a_split()
    found = fit(split, text=["title"])
    start = found.encoding.names("item").index("title #0")
    for n, name in enumerate(split.items.names):
        bag = np.zeros(16)
        for word in name.lower().split():
            for gram in [word] + [f"#{word}#"[at : at + 3] for at in range(len(word))]:
                digest = int.from_bytes(
                    hashlib.blake2b(gram.encode(), digest_size=8).digest(), "little"
                )
                bag[(digest >> 1) % 16] += 1 if digest % 2 else -1
        np.testing.assert_allclose(
            found.item[n, start : start + 16], bag / np.linalg.norm(bag), atol=1e-6
        )


def test_vectors_equal_a_loop():
    split = a_split()
    found = fit(split)
    photo = split.user_table.columns["photo"]
    centre, spread = photo[:-1].mean(0), photo[:-1].std(0)
    for d in range(3):
        wanted = np.clip((photo[:, d] - centre[d]) / spread[d], -CLIP, CLIP) / 3**0.5
        np.testing.assert_allclose(
            column(found, "user", f"photo {d}"), wanted, rtol=1e-5, atol=1e-6
        )


def test_what_is_derived_of_users_equals_a_loop():
    split = a_split()
    t, encoding = split.train, fit(split).encoding
    found = derived.of_users(USERS, t, encoding.until, encoding.interests)
    kinds = [k.split("|") for k in split.item_table.columns["kind"]]
    shown = [
        name.removeprefix("share of kind=")
        for name in encoding.names("user")
        if name.startswith("share of")
    ]
    for u in range(USERS):
        mine = np.flatnonzero(t.user == u)
        if not len(mine):
            assert all(np.isnan(values[u]).all() for values in found.values())
            continue
        events, spend = t.count[mine].sum(), t.spend[mine].sum()
        assert found["frequency"][u] == pytest.approx(math.log1p(events))
        assert found["recency"][u] == pytest.approx(
            math.log1p((t.last.max() - t.last[mine].max()) / DAY), abs=1e-9
        )
        span = (t.last[mine].max() - t.first[mine].min()) / DAY
        assert found["interval"][u] == pytest.approx(math.log1p(span / (events - 1)))
        assert found["spend level"][u] == pytest.approx(math.log1p(spend))
        assert found["spend a visit"][u] == pytest.approx(math.log1p(spend / events))
        interest = encoding.interests["kind"]
        share = {
            name: interest.worth * usual for name, usual in zip(shown, interest.usual, strict=True)
        }
        for e in mine:
            for kind in kinds[t.item[e]]:
                share[kind] += t.count[e] / len(kinds[t.item[e]])
        wanted = np.array(list(share.values())) / (events + interest.worth)
        np.testing.assert_allclose(found["shares of kind"][u], wanted, atol=1e-12)


def test_what_is_derived_of_items_equals_a_loop():
    split = a_split()
    t = split.train
    found = derived.of_items(ITEMS, t, float(t.last.max()))
    for i in range(ITEMS):
        mine = np.flatnonzero(t.item == i)
        if not len(mine):
            assert all(np.isnan(values[i]) for values in found.values())
            continue
        assert found["popularity"][i] == pytest.approx(math.log1p(len(mine)))
        assert found["sales"][i] == pytest.approx(math.log1p(t.weight[mine].sum()))
        assert found["price"][i] == pytest.approx(
            math.log1p(t.spend[mine].sum() / t.weight[mine].sum())
        )
        assert found["age"][i] == pytest.approx(
            math.log1p((t.last.max() - t.first[mine].min()) / DAY)
        )


@pytest.mark.parametrize("worth", [2.0, 20.0])
def test_the_usual_is_worth_what_users_have_in_common(worth):
    """Shares drawn of a Dirichlet distribution of that concentration; users of many events and of
    few."""
    draw = np.random.default_rng(3)
    usual, events = np.array([0.5, 0.3, 0.2]), draw.integers(1, 60, 4000)
    counts = np.stack([draw.multinomial(n, draw.dirichlet(worth * usual)) for n in events])
    user, item = np.nonzero(counts)
    taken = Pairs(user, item, np.ones(len(user)), counts[user, item])
    found = Interest.fit(np.eye(3, dtype=bool), taken, len(events))
    np.testing.assert_allclose(found.usual, usual, atol=0.02)
    assert found.worth == pytest.approx(worth, rel=0.1)
    truth = (counts + worth * usual) / (events[:, None] + worth)
    np.testing.assert_allclose(found.shares(taken, len(events)), truth, atol=0.03)


def test_what_one_event_says_of_somebody_new_is_little():
    split = a_split()
    found = fit(split)
    when = np.bincount(split.train.user, split.train.last)[:1] / np.bincount(split.train.user)[0]
    one = Pairs(
        np.array([0]),
        np.array([0]),
        np.ones(1),
        np.ones(1, dtype=np.int64),
        first=when,
        last=when,
        spend=np.ones(1),
    )
    nothing = one.rows(np.arange(0))
    row, none = (found.encoding.users(1, pairs_, None)[0] for pairs_ in (one, nothing))
    names = found.encoding.names("user")
    far = {n: abs(row[at] - none[at]) for at, n in enumerate(names) if n.startswith("share of")}
    assert far
    assert max(far.values()) < 1
    for total in ("frequency", "spend level"):
        assert row[names.index(total)] == 0  # so far: no less than the middle
        assert (row[names.index(f"{total} unknown")], none[names.index(f"{total} unknown")]) == (
            0,
            1,
        )
    assert row[names.index("recency")] != 0


def test_a_number_beyond_training_is_its_edge_or_what_is_derived_the_middle():
    values = np.array([10.0, 20.0, 25.0, 30.0, 40.0])
    given_, derived = (
        Number.fit("x", values, np.ones(5, dtype=bool), derived=d) for d in (False, True)
    )
    beyond = np.array([5.0, 10.0, 40.0, 50.0])
    edges = given_.apply(np.array([10.0, 10.0, 40.0, 40.0]))
    np.testing.assert_array_equal(given_.apply(beyond), edges)
    np.testing.assert_array_equal(derived.apply(beyond)[:, 0], edges[:, 0] * [0, 1, 1, 0])


def test_interests_are_shares_of_what_is_taken_most():
    """Ten kinds of one item each that nobody takes often, one kind that everybody takes."""
    values = objects(["rare"] * 10 + ["common"] * 5)
    weight = np.array([1.0] * 10 + [9.0] * 5)
    assert Classes.fit("kind", values, weight > 0, at_most=1, weight=weight).classes == ("common",)
    assert Classes.fit("kind", values, weight > 0, at_most=1).classes == ("rare",)


# --- laws -----------------------------------------------------------------------------------------
# --------------


def so_far(found, matrix):
    """Of new users, totals below the middle are taken for it."""
    matrix, names = matrix.copy(), found.encoding.names("user")
    for total in ("frequency", "spend level"):
        at = names.index(total)
        matrix[:, at] = np.maximum(matrix[:, at], 0)
    return matrix


def test_apply_says_what_the_fit_said_and_a_stored_encoding_is_the_same():
    split = a_split()
    found = fit(split, text=["title", "nick"])
    stored = json.loads(json.dumps(found.encoding.to_json()))
    again = Encoding.from_json(
        stored, {name: each.member for name, each in found.encoding.interests.items()}
    )
    assert again == found.encoding
    assert np.array_equal(
        again.users(USERS, split.train, split.user_table), so_far(found, found.user)
    )
    titles = {"title": split.items.names}
    assert np.array_equal(again.items(ITEMS, split.train, split.item_table, titles), found.item)


def test_somebody_new_with_a_users_row_and_history_gets_that_users_columns():
    split = a_split()
    found = fit(split)
    for u in (0, 3, USERS - 1):
        mine = split.train.user == u
        history = split.train.rows(mine)
        row = Table({n: values[u : u + 1] for n, values in split.user_table.columns.items()})
        one = found.encoding.users(
            1, replace(history, user=np.zeros(mine.sum(), dtype=np.int64)), row
        )
        np.testing.assert_array_equal(one[0], so_far(found, found.user)[u])


def test_cold_users_are_unknown_and_derived_figures_end_with_train():
    split = a_split()
    found = fit(split)
    for name in ("frequency", "recency", "interval", "spend level"):
        assert column(found, "user", f"{name} unknown").tolist() == [0.0] * (USERS - 1) + [1.0]
        assert column(found, "user", name)[-1] == 0
    later = replace(
        split, valid=split.test, test=pairs([(0, 0), (USERS - 1, 1)], np.random.default_rng(5))
    )
    again = fit(later)
    assert np.array_equal(again.user, found.user)
    assert np.array_equal(again.item, found.item)


def test_ids_unseen_in_train_move_no_scale():
    split = a_split()
    people = {name: values.copy() for name, values in split.user_table.columns.items()}
    people["age"][-1], people["job"][-1], people["photo"][-1] = 1e9, "pope", [1e9, -1e9, 0]
    before, after = fit(split).encoding, fit(replace(split, user_table=Table(people))).encoding
    for one, other in zip(before.user, after.user, strict=True):
        assert replace(one, flagged=False) == replace(
            other, flagged=False, **({"other": one.other} if one.source == "job" else {})
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
        min_size=1,
        max_size=20,
    ),
    st.integers(0, 2**20),
)
def test_numbers_are_finite_bounded_and_order_does_not_matter(cells, seed):
    values = np.array([np.nan if c is None else c for c in cells])
    draw = np.random.default_rng(seed)
    met, order = draw.random(len(values)) < 0.7, draw.permutation(len(values))
    try:
        number = Number.fit("x", values, met)
    except Left:
        with pytest.raises(Left):
            Number.fit("x", values[order], met[order])
        return
    matrix = number.apply(values)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix).max() <= CLIP
    assert Number.fit("x", values[order], met[order]).names == number.names
    np.testing.assert_allclose(
        Number.fit("x", values[order], met[order]).apply(values), matrix, rtol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.text("ab|é ", max_size=5)), min_size=6, max_size=40),
    st.integers(0, 2**20),
)
def test_classes_are_rows_of_bounded_length_and_order_does_not_matter(cells, seed):
    values = objects(cells)
    draw = np.random.default_rng(seed)
    met, order = draw.random(len(values)) < 0.8, draw.permutation(len(values))
    try:
        classes = Classes.fit("x", values, met, at_most=3)
    except Left:
        with pytest.raises(Left):
            Classes.fit("x", values[order], met[order], at_most=3)
        return
    assert Classes.fit("x", values[order], met[order], at_most=3) == classes
    matrix = classes.apply(values)
    assert np.array_equal(classes.apply(values[order]), matrix[order])
    assert (np.linalg.norm(matrix, axis=1) <= 1 + 1e-6).all()
    assert (matrix > 0).any(1).all()  # each row is something, be it unknown


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.floats(1e-300, 1e300))
def test_vectors_are_finite_and_bounded(seed, scale):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(8, 4)) * scale
    values[:, 1] = 7.0
    values[draw.integers(8)] = np.nan
    try:
        vector = Vector.fit("v", values, np.ones(8, dtype=bool))
    except Left:
        assert np.nanstd(np.clip(values, -1e100, 1e100), axis=0).max() == 0
        return
    matrix = vector.apply(values)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix).max() <= CLIP
    assert not matrix[:, 1].any()


# --- what is read
# -----------------------------------------------------------------------------------------------


def sources(found, kind):
    return {each.source for each in getattr(found.encoding, kind)}


def test_only_and_without():
    split = a_split()
    found = fit(split, only=["age", "job", "popularity"])
    assert (sources(found, "user"), sources(found, "item")) == (
        {"age", "job"},
        {"popularity", "age"},
    )
    found = fit(split, only=["user.age", "popularity"])
    assert (sources(found, "user"), sources(found, "item")) == ({"age"}, {"popularity"})
    assert "job" not in sources(fit(split, without=["job"]), "user")
    held_out = features.FeatureSettings(**DEFAULT).fit(
        split, split.train, lambda _: None, ["user.age"]
    )
    assert "age" not in sources(held_out, "user")
    assert "age" in sources(held_out, "item")
    assert fit(split, only=["popularity"]).user is None


def test_an_attribute_goes_before_what_is_derived():
    split = a_split()
    price = np.arange(ITEMS, dtype=float)
    found = fit(replace(split, item_table=Table({"price": price})))
    assert found.encoding.names("item").count("price") == 1
    assert np.all(np.diff(column(found, "item", "price")) >= 0)


def test_of_whom_nothing_is_known_is_said():
    said = []
    fit(a_split(), said=said)
    assert f"unknown of 2 of {USERS} users: age" in said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"only": ["agee"]},
            "features.only: no attribute 'agee'; did you mean age? users have age, job",
        ),
        ({"without": ["hat"]}, "features.without: no attribute 'hat'; users have"),
        ({"text": ["novel"]}, "features.text: no attribute 'novel'"),
        ({"text": ["age"]}, "features.text: age of users holds numbers"),
        ({"buckets": 0}, "must be 1 or more"),
        ({"classes": 0}, "must be 1 or more"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_sentence(wrong, words):
    with pytest.raises(InputError, match="features") as caught:
        fit(a_split(), **wrong)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_arrive_as_text_or_as_vectors(tmp_path: Path):
    events = pl.DataFrame({"user": ["a", "b", "c"], "item": ["x", "y", "x"]})
    items = pl.DataFrame(
        {
            "id": ["x", "y"],
            "image": [[0.5, 1.0], None],
            "tags": [["p", "q"], []],
            "nos": [[1, 2], [3]],
        }
    )

    def build(table):
        return clean.build(
            Raw(name="hand", events=events, users=None, items=table),
            min_weight=None,
            k_core=0,
            say=lambda _: None,
        )

    columns = build(items).item_table.columns
    np.testing.assert_array_equal(columns["image"], [[0.5, 1.0], [np.nan, np.nan]])
    assert columns["tags"].tolist() == ["p|q", ""]
    assert columns["nos"].tolist() == ["1|2", "3"]
    for cell, words in (
        ([1.0], "a list of 1 numbers, others have 2"),
        ([1.0, math.inf], "no list of finite numbers"),
    ):
        bad = items.with_columns(pl.Series("image", [[0.5, 1.0], cell]))
        with pytest.raises(InputError, match="item attributes: image: of y is") as caught:
            build(bad)
        assert words in str(caught.value)


def test_vectors_count_in_the_fingerprint_and_stand_in_the_cache(tmp_path: Path):
    from gnnseg.data import cache

    events = pl.DataFrame({"user": ["a", "b", "c"], "item": ["x", "y", "x"]})
    prints = set()
    for last in (1.0, 2.0):
        items = pl.DataFrame({"id": ["x", "y"], "image": [[0.5, 1.0], [0.0, last]]})
        built = clean.build(
            Raw(name="hand", events=events, users=None, items=items),
            min_weight=None,
            k_core=0,
            say=lambda _: None,
        )
        cache.save(tmp_path / "kept.npz", built, pytest.fail)
        back = cache.load(tmp_path / "kept.npz", pytest.fail)
        np.testing.assert_array_equal(
            back.item_table.columns["image"], built.item_table.columns["image"]
        )
        split = replace(a_split(), item_table=built.item_table)
        prints.add(fingerprint.content_fingerprint(split))
    assert len(prints) == 2


def test_vectors_from_a_file_are_read_by_id(tmp_path: Path):
    split = a_split()
    draw = np.random.default_rng(1)
    values = draw.normal(size=(ITEMS, 2))
    np.savez(
        tmp_path / "sound.npz",
        ids=np.array([*split.items.ids[:-2].astype(str), "odd", "other"]),
        vectors=values,
    )
    said = []
    found = fit(split, said=said, item_vectors=str(tmp_path / "sound.npz"))
    assert any("2 vectors of ids without an interaction left out" in line for line in said)
    assert column(found, "item", "sound unknown").tolist() == [0.0] * (ITEMS - 2) + [1.0, 1.0]
    centred = (
        (values[:-2, 0] - values[: ITEMS - 2, 0].mean()) / values[: ITEMS - 2, 0].std() / 2**0.5
    )
    np.testing.assert_allclose(column(found, "item", "sound 0")[:-2], centred, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"none of its 1 ids is known \(features.item_vectors\)"):
        np.savez(tmp_path / "sound.npz", ids=np.array(["odd"]), vectors=values[:1])
        fit(split, item_vectors=str(tmp_path / "sound.npz"))


@pytest.mark.parametrize(
    ("attribute", "values", "words"),
    [
        (
            Number(
                source="age",
                log=False,
                middle=0,
                scale=1,
                low=-4,
                high=4,
                derived=False,
                flagged=True,
            ),
            objects(["3", "old"]),
            "of b is 'old'",
        ),
        (
            Classes(source="job", classes=("x",), other=True, flagged=True),
            np.ones((2, 3)),
            "the run reads text",
        ),
        (HashedText(source="note", buckets=4), np.ones((2, 3)), "the run reads text"),
        (
            Vector(source="face", dimensions=("face 0",), centre=(0,), scale=(1,), flagged=True),
            np.ones(2),
            "list of 1 numbers",
        ),
    ],
)
def test_values_of_another_type_are_one_sentence(attribute, values, words):
    with pytest.raises(InputError, match=f"attribute {attribute.source}: of") as caught:
        attribute.cast(values, objects(["a", "b"]))
    assert words in str(caught.value)


def test_values_are_read_as_the_run_reads_them():
    ids = objects(["a", "b"])
    number = Number(
        source="age", log=False, middle=0, scale=1, low=-4, high=4, derived=False, flagged=True
    )
    np.testing.assert_array_equal(number.cast(objects([" 3", None]), ids), [3, np.nan])
    classes = Classes(source="job", classes=("2",), other=True, flagged=True)
    assert classes.cast(np.array([2.0, np.nan]), ids).tolist() == ["2", None]
    vector = Vector(source="face", dimensions=("face 0",), centre=(0,), scale=(1,), flagged=True)
    assert vector.apply(vector.cast(objects([None, None]), ids)).tolist() == [[0, 1], [0, 1]]
