"""How well segments are served, against a loop over users, and where nobody is there."""

import numpy as np
import pytest

from gnnseg.evaluation.segments import quality
from gnnseg.rng import Rng

U = 90


def per_user(g: np.random.Generator) -> dict[str, np.ndarray]:
    """Two thirds of the users have a test; every ninth of these is cold."""
    user = np.flatnonzero(np.arange(U) % 3 < 2)
    names = [f"{m}@{k}" for k in (5, 20) for m in ("recall", "precision", "f1", "hit", "ndcg")]
    values = {name: np.where(g.random(len(user)) < 0.5, 0, g.random(len(user))) for name in names}
    return {"user": user, **values, "cold": np.arange(len(user)) % 9 == 0}


def test_means_equal_a_loop_and_weigh_up_to_the_runs_own() -> None:
    g = np.random.default_rng(0)
    found, segment_U = per_user(g), g.integers(4, size=U)
    frame = quality(segment_U, found, 4, Rng(0))
    warm = [(u, at) for at, u in enumerate(found["user"]) if not found["cold"][at]]
    for row in frame.iter_rows(named=True):
        mine = [at for u, at in warm if segment_U[u] == row["segment"] - 1]
        assert row["n"] == len(mine)
        for name in ("ndcg@20", "recall@5", "f1@20", "precision@20"):
            assert row[name] == pytest.approx(sum(found[name][at] for at in mine) / len(mine))
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
    overall = found["ndcg@20"][~found["cold"]].mean()
    assert (frame["n"] * frame["ndcg@20"]).sum() / frame["n"].sum() == pytest.approx(overall)
    assert "hit@20" not in frame.columns


def test_a_segment_without_test_users_has_no_figures() -> None:
    found = per_user(np.random.default_rng(0))
    segment_U = np.where(np.arange(U) % 3 == 2, 1, 0)  # 1: nobody with a test; 2: nobody at all
    segment_U[found["user"][1]] = 3  # one user
    frame = quality(segment_U, found, 4, Rng(0))
    assert frame["n"].to_list()[1:] == [0, 0, 1]
    assert frame["ndcg@20"].is_null().to_list() == [False, True, True, False]
    alone = frame.row(3, named=True)
    assert alone["ndcg@20_high"] - alone["ndcg@20_low"] == pytest.approx(0.975)


def test_what_is_not_measured_has_no_columns() -> None:
    found = per_user(np.random.default_rng(0))
    found = {name: found[name] for name in ("user", "cold", "hit@20")}
    assert quality(np.zeros(U, dtype=np.int64), found, 1, Rng(0)).columns == ["segment", "n"]


def test_intervals_of_a_segment_do_not_depend_on_the_others() -> None:
    found, segment_U = per_user(np.random.default_rng(0)), np.arange(U) % 2
    before = quality(segment_U, found, 2, Rng(3)).row(0)
    split = np.where(np.arange(U) % 4 == 1, 2, segment_U)
    assert quality(split, found, 3, Rng(3)).row(0) == before
