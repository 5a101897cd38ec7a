"""Figures that stand first are of lists of 20, else of the longest evaluated; no blank column."""

from pathlib import Path
from typing import Any

from gnnseg.report import lengths, tables
from gnnseg.report.sections import figures


def test_the_first_length_is_20_or_the_longest() -> None:
    assert lengths.first(["test/ndcg@10", "test/ndcg@20", "test/ndcg@50"]) == 20
    assert lengths.first(["test/ndcg@5", "test/recall@10", "segment/of_20@20"]) == 10
    assert lengths.first([]) == 20


def test_a_run_without_lists_of_20_has_no_blank_figure(make_run: Any) -> None:
    folder, _ = make_run()
    record = tables.read(Path(folder))
    known = record["metrics"] | record["baselines"]["popularity"]
    renamed = {name.replace("@20", "@10"): value for name, value in known.items()}
    record = record | {"metrics": renamed, "baselines": {"popularity": renamed}}
    assert lengths.headline(renamed) == ["recall@10", "ndcg@10", "revenue@10"]
    assert "ndcg@10 through the top 1 and 3 segments 0.2500, 0.2800" in tables.sharpness(renamed, 3)
    page = figures.metrics(record)
    assert "ndcg@10" in page
    assert "@20" not in page
