"""How training went, by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report import lengths
from gnnseg.report.html import figure, fold
from gnnseg.report.pictures import curves


def learning(record: Mapping[str, Any], folder: Path) -> str:
    """Show the loss, the monitored metric and the segments by epoch."""
    path = folder / "metrics.jsonl"
    lines = (
        [records.parsed(line) for line in path.read_text("utf-8").splitlines()]
        if path.exists()
        else []
    )
    if not lines:
        return ""

    def curve(key: str) -> list[tuple[float, float]]:
        return [
            (line["epoch"], line[key])
            for line in lines
            if line.get(key) is not None and "epoch" in line
        ]

    best = record.get("best") or {}
    monitor = str(best.get("metric", "valid/ndcg@20"))
    mark, caption = None, "By epoch."
    if best.get("value") is not None and any(
        line.get("epoch") == best["epoch"] and line.get(monitor) is not None for line in lines
    ):
        mark = (best["epoch"], best["value"])
        caption = f"Best: epoch {best['epoch']}: {best['value']:.4f}, kept."
    part, k = monitor.split("/")[0], lengths.first(record["metrics"])
    shown = [
        monitor,
        *[f"{part}/{n}@{k}" for n in ("recall", "ndcg") if f"{part}/{n}@{k}" != monitor],
    ]
    shown = [key for key in shown if curve(key)]
    state = [key for key in ("segment/effective_k", "segment/segments_per_user") if curve(key)]
    names = ["effective K", "segments a user"][: len(state)]
    drawn = (
        ("Training loss", ["train/loss"], None, "Every term, weighted.", ()),
        ("Validation" if part == "valid" else "Test (protocol paper)", shown, mark, caption, shown),
        ("Segments by epoch", state, None, "Collapse would show as a fall towards 1.", names),
    )
    figures = "".join(
        figure(
            curves.lines(
                {key: curve(key) for key in keys}, title=title, x="epoch", mark=point,
                said=_in_words({key: curve(key) for key in keys}),
            ),
            said, key, heading="h4",
        )
        for title, keys, point, said, key in drawn
    )  # fmt: skip
    return fold("Learning, by epoch", f'<div class="grid">{figures}</div>') if figures else ""


def _in_words(series: Mapping[str, list[tuple[float, float]]]) -> str:
    """Say where each curve begins and ends."""
    said = [
        f"{name}: {points[0][1]:.4g} at epoch {points[0][0]:.0f}, {points[-1][1]:.4g} at epoch "
        f"{points[-1][0]:.0f}"
        for name, points in series.items()
        if points
    ]
    return "; ".join(said)
