"""How training went, by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report import lengths, plots
from gnnseg.report.html import figure


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
    mark = None
    if best.get("value") is not None and any(
        line.get("epoch") == best["epoch"] and line.get(monitor) is not None for line in lines
    ):
        mark = (best["epoch"], best["value"], f"epoch {best['epoch']}: {best['value']:.4f}")
    part, k = monitor.split("/")[0], lengths.first(record["metrics"])
    shown = [
        monitor,
        *[f"{part}/{n}@{k}" for n in ("recall", "ndcg") if f"{part}/{n}@{k}" != monitor],
    ]
    shown = [key for key in shown if curve(key)]
    state = [key for key in ("segment/effective_k", "segment/segments_per_user") if curve(key)]
    caption = f"Best: {mark[2]}, kept." if mark else "By epoch."
    loss = plots.lines({"train/loss": curve("train/loss")}, x="epoch", alt="Training loss by epoch")
    ranking = plots.lines(
        {k: curve(k) for k in shown}, x="epoch", alt="Validation by epoch", mark=mark
    )
    sharp = plots.lines({k: curve(k) for k in state}, x="epoch", alt="Effective segments by epoch")
    names = ["effective K", "segments a user"][: len(state)]
    figures = [
        figure("Training loss", loss, "Every term, weighted."),
        figure(
            "Validation" if part == "valid" else "Test (protocol paper)", ranking, caption, shown
        ),
        figure("Segments", sharp, "Collapse would show as a fall towards 1.", names),
    ]
    return f'<section><h2>Learning</h2><div class="grid">{"".join(figures)}</div></section>'
