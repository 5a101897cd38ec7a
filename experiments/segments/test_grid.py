"""The grid's arithmetic, and a small cell run twice. python -m pytest experiments/segments"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import causes
import grid
import measure
import table
from measure import Ground
from plan import GENERATORS, LEVELS, METHODS, TRUTH, Cell, cells

from gnnseg import config
from gnnseg.types import Pairs

SMALL = [
    "data.users=200",
    "data.items=100",
    "data.interactions=4000",
    "data.segments=4",
    "data.model=blocks",
]
QUICK = ["trainer.max_epochs=4", "trainer.eval_every=2", "encoder.dim=8"]


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground.of("planted", SMALL)


def test_cells_are_the_grid_and_every_one_composes() -> None:
    every = list(cells(["*"]))
    assert len(every) == len(GENERATORS) * len(LEVELS) * 3 * 5 + 3 * 2 * 5
    assert len({cell.name for cell in every}) == len(every)
    assert [cell.name for cell in cells(["blocks/*/K4/s0"])] == [
        f"blocks/{level}/K4/s0" for level in LEVELS
    ]
    for cell in cells(["nested/hard/*/s1", "unequal/easy/K4/s0", "completejourney/K8/s0"]):
        config.compose([f"data={cell.data}", *cell.overrides])
    assert set(METHODS) - set(Cell("ml-100k", "", 8, 0).methods(["*"])) == {TRUTH}


def test_a_subset_keeps_a_share_of_every_users_pairs() -> None:
    g = np.random.default_rng(0)
    key = np.sort(g.choice(30 * 50, 400, replace=False))
    whole = Pairs(key // 50, key % 50, np.arange(400.0), np.ones(400, dtype=np.int64))
    some = measure.subset(whole, 0.9, 1)
    before, after = np.bincount(whole.user, minlength=30), np.bincount(some.user, minlength=30)
    np.testing.assert_array_equal(after, np.maximum(before > 0, np.rint(0.9 * before)))
    assert (np.diff(some.user * 50 + some.item) > 0).all()
    np.testing.assert_array_equal(key[some.weight.astype(int)], some.user * 50 + some.item)
    assert not np.array_equal(some.item, measure.subset(whole, 0.9, 2).item)
    assert len(measure.subset(whole, 0.01, 1)) == (before > 0).sum()


def test_true_tastes_recover_easy_blocks_and_rank_above_chance(ground: Ground) -> None:
    fit = measure.by_truth(ground)
    found = measure.figures(ground, fit.hard, {}, fit.label)
    assert found["ari"] > 0.97
    assert found["segments"] == 4
    nobody = measure.figures(ground, np.full((200, 4), 0.25), {})
    assert found["through"]["hard"]["ndcg"] > 1.5 * nobody["through"]["soft"]["ndcg"]
    assert nobody["modularity"] == pytest.approx(0)
    assert nobody["segments_per_user"] == pytest.approx(4)


def test_a_cell_runs_is_not_done_again_and_makes_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plan.SIZES", [*SMALL[:3], *QUICK])
    out = tmp_path / "results.jsonl"
    asked = ["grid.py", "--cells", "lda/easy/K4/s0", "--out", str(out), "--methods"]
    monkeypatch.setattr(sys, "argv", [*asked, "segments", "brim", "classes", TRUTH])
    grid.main()
    grid.main()
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["method"] for line in lines] == ["segments", "brim", "classes", TRUTH]
    for line in lines:
        assert -0.5 < line["bootstrap_ari"] <= 1
        assert line["through"].keys() >= {"hard", "soft"}
    monkeypatch.setattr(sys, "argv", ["table.py", "--out", str(out)])
    table.main()
    page = out.with_suffix(".md").read_text("utf-8")
    assert "| lda/easy/K4 | 1 |" in page
    assert "brim" in page


def test_a_line_of_later_numerics_counts_though_without_refits(tmp_path: Path) -> None:
    """Not one of another default that happens to have refits; of its own numerics that one does."""
    common = {"group": "g", "method": "segments", "seed": 0}
    lines = [
        {**common, "numerics": 8, "stability": True, "ari": 0.1},
        {**common, "numerics": 9, "stability": False, "ari": 0.2},
        {**common, "numerics": 9, "stability": True, "ari": 0.3},
        {**common, "numerics": 9, "stability": False, "ari": 0.4},
    ]
    for count, ari in ((1, 0.1), (2, 0.2), (3, 0.3), (4, 0.3)):
        path = tmp_path / "lines.jsonl"
        path.write_text("\n".join(map(json.dumps, lines[:count])), "utf-8")
        assert table.read(path)["g"]["segments"][0]["ari"] == ari


def test_a_verdict_allows_one_standard_error() -> None:
    theirs = {0: 0.5, 1: 0.6, 2: 0.7}
    assert table.verdict({0: 0.6, 1: 0.7, 2: 0.8}, theirs) == "above"
    assert table.verdict(theirs, theirs) == "at"
    assert table.verdict({0: 0.4, 1: 0.6, 2: 0.72}, theirs) == "at"  # -.027 ± .037
    assert table.verdict({0: 0.45, 1: 0.55, 2: 0.65}, theirs) == "below"
    assert table.verdict({0: 0.1}, theirs) == ""


def test_the_best_rival_is_of_the_seeds_that_the_default_has() -> None:
    lines = {
        "few": {0: {"ari": 0.9}},
        "all": {0: {"ari": 0.5}, 1: {"ari": 0.6}, 2: {"ari": 1.0}},
        "weak": {0: {"ari": 0.5}, 1: {"ari": 0.5}},
    }
    assert table.best(lines, list(lines), "ARI", {0, 1}) == ("all", {0: 0.5, 1: 0.6})
    assert table.best(lines, list(lines), "ARI", {0})[0] == "few"
    assert table.best(lines, list(lines), "ARI", {4}) == ("", {})


def refit(alpha: Any) -> causes.Refit:
    return causes.Refit(alpha, alpha.argmax(1), -1.0, 0.3)


def test_agreement_is_1_whatever_the_numbers_and_0_by_chance(ground: Ground) -> None:
    g = np.random.default_rng(0)
    alpha = g.dirichlet(np.full(4, 0.3), 200)
    same = causes.pair(ground, refit(alpha), refit(alpha[:, [2, 0, 3, 1]]))
    for figure in ("ari", "soft", "sure_ari", "same", "start_ari"):
        assert same[figure] == pytest.approx(1)
    chance = causes.pair(ground, refit(alpha), refit(alpha[g.permutation(200)]))
    assert abs(chance["ari"]) < 0.05
    assert abs(chance["soft"]) < 0.15
    runs = [refit(alpha), refit(alpha[:, [1, 0, 2, 3]]), refit(g.dirichlet(np.full(4, 0.3), 200))]
    found = causes.optima(ground, runs)
    assert (found["optima"], found["refits"]) == (2, 3)


def test_a_start_is_kept_or_changed_alone(ground: Ground) -> None:
    study = causes.Study(ground, "planted", [*SMALL, *QUICK])
    first = study.refit(4, 0)
    again = study.refit(4, 0)
    np.testing.assert_array_equal(first.alpha, again.alpha)
    kept = study.refit(4, 1, start=first.start)
    assert causes.pair(ground, first, kept)["start_ari"] > 0.9
    assert not np.array_equal(first.alpha, kept.alpha)
    some = measure.subset(ground.split.train, 0.9, 1)
    fewer = study.refit(4, 0, start=first.start, train=some)
    assert fewer.alpha.shape == first.alpha.shape
