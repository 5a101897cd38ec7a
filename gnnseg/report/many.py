"""One page for many runs: their table, their curves, price against sharpness, and how K matters.

Reads run folders alone. In ``compare``'s table runs that differ in their seeds alone are a row.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report import compare, lengths, plots, table_forms
from gnnseg.report import page as pages
from gnnseg.report.html import Cell, Heading, escape, figure, grid
from gnnseg.report.pictures import curves
from gnnseg.report.plots import COLOURS, Picture
from gnnseg.report.table_forms import Figure

CURVES = 12  # runs whose curves are drawn, the best first
Record = Mapping[str, Any]


def page(name: str, folders: Sequence[Path]) -> tuple[str, list[str]]:
    """Return the page of a sweep as HTML, and what is said of folders that are left out.

    Args:
        name: The sweep's.
        folders: Its run folders.

    Raises:
        InputError: None of them is a finished run.
    """
    found = compare.compared(folders, search=compare.Search())
    runs = list(_finished(folders))
    drawn = "".join(
        figure(picture, said, heading="h2")
        for picture, said in (_price(runs), _by_k(runs), _learning(runs))
    )
    paper = [compare.PAPER_NOTE] * found.paper
    notes = "".join(f'<p class="soft">{escape(each)}</p>' for each in [*found.notes, *paper])
    count = len({record["hash"] for _, record in runs})
    rows = [[Cell(escape(_text(cell)), _value(cell)) for cell in row] for row in found.rows]
    columns = [
        Heading(title, text=at < found.left or title in ("not above", "chosen"))
        for at, title in enumerate(found.columns)
    ]
    content = pages.document(
        f"sweep {name}",
        [
            f'<header><p class="eyebrow">gnnseg · sweep</p><h1><bdi>{escape(name)}</bdi></h1>'
            f'<p class="verdict">{_verdict(runs, count)}</p></header>',
            f'<section aria-labelledby="runs"><h2 id="runs">The runs</h2>'
            f"{grid('The runs', columns, rows, tools=len(rows) > 1)}{notes}</section>",
            f'<section aria-label="Charts"><div class="grid pair many">{drawn}</div></section>',
        ],
    )
    return content, found.notes


def _finished(folders: Sequence[Path]) -> Iterator[tuple[Path, Record]]:
    """Yield the finished, evaluated runs, each once, with their records."""
    known = set()
    for folder in folders:
        try:
            record = records.parsed((folder / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        digest = record.get("hash")
        if record.get("state") == "finished" and "refit" not in record and digest not in known:
            known.add(digest)
            yield folder, record


def _verdict(runs: Sequence[tuple[Path, Record]], count: int) -> str:
    """Say how many runs there are, and which is best on what each was chosen by."""
    monitors = {record["best"]["metric"] for _, record in runs if record.get("best")}
    said = f"{count} run{'s' * (count != 1)}"
    best = _best_first(runs)
    if len(monitors) != 1 or not best:
        return f"{said}."
    folder, record = best[0]
    monitor, value = record["best"]["metric"], record["best"]["value"]
    test = "" if monitor.startswith("valid/") else " (on the test: these figures flatter)"
    name = f"<code>{escape(folder.name)}</code>"
    return f"{said}; the best on {escape(monitor)} ({value:.4f}) is {name}{test}."


def _best_first(runs: Sequence[tuple[Path, Record]]) -> list[tuple[Path, Record]]:
    known = [each for each in runs if (each[1].get("best") or {}).get("value") is not None]
    return sorted(known, key=lambda each: -float(each[1]["best"]["value"]))


def _price(runs: Sequence[tuple[Path, Record]]) -> tuple[Picture | None, str]:
    """Draw what segmentation costs against how many segments a user is in.

    Price: validation ndcg as a share of the best head=dot run's of the sweep; without such a run
    validation ndcg itself.
    """
    metric = f"valid/ndcg@{_length(runs)}"
    dots = [r["metrics"][metric] for _, r in runs if _is_dot(r) and r["metrics"].get(metric)]
    points = [
        (record["metrics"]["segment/segments_per_user"], record["metrics"][metric])
        for _, record in runs
        if record["metrics"].get("segment/segments_per_user") is not None
        and record["metrics"].get(metric) is not None
    ]
    if not points:
        return None, ""
    whole = max(dots) if dots else 1.0
    points = [(x, y / whole) for x, y in points]
    y = f"{metric} over the best head=dot run's" if dots else metric
    said = "; ".join(f"{a:.1f} segments a user: {b:.3f}" for a, b in sorted(points))
    picture = Picture("Price against sharpness", said)
    axes = picture.plot_area(*curves.MARGINS)
    if dots:
        axes.axhline(1.0, color=COLOURS["soft"], linewidth=1, dashes=(1, 3), clip_on=False)
    plots.dots(axes, points, COLOURS["accent"], 8)
    axes.margins(0.06)
    axes.autoscale_view()
    plots.grid(axes)
    plots.named_axis(axes, "segments a user is in")
    few = "" if dots else " Add a run with head=dot to the sweep, and it is a price."
    return picture, f"Each point a run. Upright: {y}. Sharper is to the left.{few}"


def _by_k(runs: Sequence[tuple[Path, Record]]) -> tuple[Picture | None, str]:
    """Draw validation ndcg and effective K by the number of segments, means over other settings."""
    metric = f"valid/ndcg@{_length(runs)}"

    def mean(k: int, of: Callable[[Record], float | None]) -> float | None:
        values = [v for _, r in runs if _k(r) == k and (v := of(r)) is not None]
        return statistics.fmean(values) if values else None

    numbers = sorted({k for _, record in runs if (k := _k(record)) is not None})
    if len(numbers) < 2:
        return None, ""
    ranked = [mean(k, lambda r: r["metrics"].get(metric)) for k in numbers]
    said = "; ".join(f"K = {k}: {v:.4f}" for k, v in zip(numbers, ranked) if v is not None)
    picture = Picture("How many segments", said)
    axes = picture.plot_area(*curves.MARGINS)
    curves.plotted(axes, [str(k) for k in numbers], {metric: ranked}, x="segments (K)")
    return picture, (
        f"{metric} by K, mean over the runs of each. Which K also comes back when the model is "
        "fitted again: gnnseg choose-k."
    )


def _learning(runs: Sequence[tuple[Path, Record]]) -> tuple[Picture | None, str]:
    """Draw what each run was chosen by, by epoch; the best in colour."""
    best = _best_first(runs)[:CURVES]
    monitors = {record["best"]["metric"] for _, record in best}
    if len(monitors) != 1:
        return None, ""
    monitor = monitors.pop()
    series = {folder.name: _curve(folder, monitor) for folder, _ in best}
    series = {name: points for name, points in series.items() if points}
    if not series:
        return None, ""
    said = "; ".join(f"{name}: {points[-1][1]:.4f}" for name, points in series.items())
    picture = Picture("Learning", f"{monitor} at the last epoch: {said}")
    axes = picture.plot_area(*curves.MARGINS)
    for number, points in reversed(list(enumerate(series.values()))):
        colour = COLOURS["quiet" if number else "accent"]
        axes.plot(*zip(*points), color=colour, linewidth=1.4 if number else 2.4, clip_on=False)
        if len(points) == 1:
            plots.dots(axes, points, colour, 5)
    axes.margins(x=0.02, y=0.06)
    axes.autoscale_view()
    plots.grid(axes)
    plots.named_axis(axes, "epoch")
    name = next(iter(series))
    shown = f"the {len(series)} best runs" if len(runs) > len(series) else "each run"
    return picture, f"{monitor} by epoch of {shown}; in colour the best, {name}."


def _curve(folder: Path, key: str) -> list[tuple[float, float]]:
    path = folder / "metrics.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [records.parsed(line) for line in lines]
    return [(e["epoch"], e[key]) for e in found if e.get(key) is not None and "epoch" in e]


def _length(runs: Sequence[tuple[Path, Record]]) -> int:
    return lengths.first([name for _, record in runs for name in record["metrics"]])


def _is_dot(record: Record) -> bool:
    return str(record["config"].get("head", {}).get("_target_", "")).endswith(".Dot")


def _k(record: Record) -> int | None:
    k = record["config"].get("head", {}).get("segments")
    return int(k) if k is not None and not _is_dot(record) else None


def _text(cell: str | Figure) -> str:
    return cell if isinstance(cell, str) else cell.text("±", table_forms.PAPER)


def _value(cell: str | Figure) -> float | str | None:
    return cell if isinstance(cell, str) else cell.mean
