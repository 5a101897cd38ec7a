"""The rule's proof: a small cell, and the table. python -m pytest experiments/segments"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import how_many
from plan import Cell


def test_the_smallest_that_comes_back_is_asked_for_upwards() -> None:
    asked: list[int] = []

    def jaccard(k: int) -> float:
        asked.append(k)
        return {2: 0.1, 4: 0.6, 8: 1.0}[k]

    assert how_many.chosen([2, 4, 8], jaccard) == 4
    assert asked == [2, 4]  # what is larger is not fitted again
    assert how_many.chosen([2], jaccard) == 2


def test_a_small_cell_is_a_line_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4"]
    quick = ["trainer.max_epochs=20", "trainer.eval_every=10", "encoder.dim=8"]
    monkeypatch.setattr(Cell, "overrides", [*small, *quick])
    monkeypatch.setattr(how_many.candidates, "GRID", (2, 4, 6))
    line = how_many.run(Cell("mixture", "easy", 4, 0))
    assert line["named"]["rule"] == 4
    assert [each["k"] for each in line["by_k"]] == [2, 4, 6]
    assert how_many.run(Cell("mixture", "easy", 4, 0))["by_k"] == line["by_k"]
    text = how_many.table([line, {**line, "segments": 8}])
    assert "- rule: 50% (1 of 2)" in text
    assert "| mixture/easy/K4 | 2 | 4, 4 |" in text
