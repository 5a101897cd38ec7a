"""Which kinds of items segments take: columns that are kinds, lifts against a slow count."""

import numpy as np
import polars as pl
import pytest

from gnnseg.report import categories
from gnnseg.types import InputError


@pytest.fixture
def folder(tmp_path):
    """Two segments of four people, six items; u4 is in no segment."""

    def put(**columns):
        ids = [f"i{n}" for n in range(6)]
        given = {"item": ids, "name": ids, **columns}
        pl.DataFrame(given).write_parquet(tmp_path / "items.parquet")
        who = {"user": [f"u{n}" for n in range(5)], "segment": [1, 1, 2, 2, None]}
        pl.DataFrame(who).write_parquet(tmp_path / "segments.parquet")
        draw = np.random.default_rng(2)
        user, item = draw.integers(0, 5, 60), draw.integers(0, 6, 60)
        count = draw.integers(1, 9, 60)
        np.savez(tmp_path / "seen.npz", user=user, item=item, count=count)
        return tmp_path

    return put


def slowly(folder, column, segment, kind):
    """The lift by loops over events."""
    kinds = pl.read_parquet(folder / "items.parquet")[column].to_list()
    placed = pl.read_parquet(folder / "segments.parquet")["segment"].to_list()
    with np.load(folder / "seen.npz") as stored:
        events = list(zip(stored["user"], stored["item"], stored["count"]))
    mine = everyone = of_mine = of_everyone = 0
    for user, item, count in events:
        if placed[user] is None:
            continue
        is_kind = kind in (kinds[item] or "").split("|")
        everyone, of_everyone = everyone + count, of_everyone + count * is_kind
        if placed[user] == segment:
            mine, of_mine = mine + count, of_mine + count * is_kind
    return (of_mine / mine) / (of_everyone / everyone)


def test_lifts_are_shares_over_shares(folder):
    path = folder(kind=["a|b", "a", "b", "a|c", "c", None], code=list("uvwxyz"), price=[1.0] * 6)
    heat = categories.heat(path)
    assert heat.column == "kind"  # a code is an item's own, a price no kind
    assert sorted(heat.categories) == ["a", "b", "c"]
    assert list(heat.segments) == [1, 2]
    assert heat.several
    for row, kind in enumerate(heat.categories):
        for at, segment in enumerate(heat.segments):
            assert heat.lift[row, at] == pytest.approx(slowly(path, "kind", segment, kind))
    assert list(categories.heat(path, hidden=frozenset({1})).segments) == [2]


def test_the_column_that_tells_most_is_drawn(folder):
    path = folder(dull=["x", "y"] * 3, telling=["p", "q", "p", "q", "p", "q"])
    seen = {"user": np.repeat([0, 2], 50), "item": np.repeat([0, 1], 50)}
    np.savez(path / "seen.npz", **seen)  # segment 1 takes p alone, segment 2 q alone
    table = pl.read_parquet(path / "items.parquet").with_columns(dull=pl.Series(list("xxyyxy")))
    table.write_parquet(path / "items.parquet")
    assert categories.columns(path)[0] == "telling"
    heat = categories.heat(path)
    assert heat.column == "telling"
    assert heat.lift[list(heat.categories).index("p")].tolist() == [2.0, 0.0]


def test_flags_are_kinds_where_there_are_no_others(folder):
    path = folder(comedy=[1.0, 0.0] * 3, drama=[0.0, 1.0, 1.0, 0.0, 0.0, None], year=[1990.0] * 6)
    heat = categories.heat(path)
    assert sorted(heat.categories) == ["comedy", "drama"]


def test_what_cannot_be_drawn_is_said_or_left_out(folder, tmp_path):
    path = folder(kind=["a", "b"] * 3)
    with pytest.raises(InputError, match="column brand: .* there are kind"):
        categories.heat(path, "brand")
    (path / "items.parquet").unlink()
    assert categories.heat(path) is None
    assert categories.columns(path) == []
