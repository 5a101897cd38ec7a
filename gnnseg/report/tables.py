"""Tables for the terminal, from a run's folder."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl

HEADLINE = (
    "recall@20",
    "ndcg@20",
    "recall@10",
    "ndcg@10",
    "precision@20",
    "f1@20",
    "hit@20",
    "coverage@20",
    "novelty@20",
    "revenue@20",
)
SHOWN_ITEMS = 4


def render(columns: list[str], rows: list[list[str]], title: str = "", right: int = 1) -> str:
    """A plain table: text on the left, numbers on the right from column ``right`` on."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number >= right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_escape(cell) for cell in row])
    buffer = io.StringIO()
    Console(file=buffer, width=120, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().splitlines())


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def read(folder: Path) -> dict[str, Any]:
    """run.json of a folder, read as it stands."""
    content = json.loads((folder / "run.json").read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def run(folder: Path) -> str:
    """What a finished run says: figures beside the baselines, segments, sharpness, alarms, where the page is."""
    record = read(folder)
    parts = [metrics(record)]
    if (folder / "groups.parquet").exists():
        parts.append(segments(folder))
        m = record["metrics"]
        parts.append(
            f"effective K {m['segment/effective_k']:.1f} of {len(pl.read_parquet(folder / 'groups.parquet'))}; "
            f"{m['segment/segments_per_user']:.1f} segments a user; ndcg@20 through the top 1 and 3 segments "
            f"{m.get('test/ndcg@20/top1', float('nan')):.4f}, {m.get('test/ndcg@20/top3', float('nan')):.4f}"
        )
        if "segment/recovery_ari" in m:
            parts.append(
                f"segment/recovery_ari {m['segment/recovery_ari']:.4f} (hard segments against the planted truth)"
            )
    parts += [f"alarm: {alarm}" for alarm in record["alarms"]]
    seconds = record["seconds"]
    parts.append(
        f"{seconds['total']:.1f} s ({seconds['train']:.1f} s training), {record['memory_mb']:.0f} MB; report: {folder / 'report.html'}"
    )
    return "\n".join(parts)


def metrics(record: dict[str, Any]) -> str:
    """The run's test figures beside the baselines'."""
    rows = {"this run": record["metrics"], **record["baselines"]}
    names = [n for n in HEADLINE if f"test/{n}" in record["metrics"] and not n.endswith("@10")]
    mark = " (best epoch on test)" if record["protocol"] == "paper" else ""
    title = f"test, full ranking, protocol {record['protocol']}{mark}, seen={record['seen']}, split {record['data']['split']}"
    cells = [[who, *[_number(values.get(f"test/{n}")) for n in names]] for who, values in rows.items()]
    return render(["", *names], cells, title)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def segments(folder: Path) -> str:
    """Size, share and the most telling items of each segment, with their lift over the base rate."""
    groups = pl.read_parquet(folder / "groups.parquet")
    cards = pl.read_parquet(folder / "cards.parquet")
    rows = []
    for row in groups.iter_rows(named=True):
        top = cards.filter(pl.col("segment") == row["segment"]).sort("rank").head(SHOWN_ITEMS)
        liked = ", ".join(f"{name} ({lift:.1f}x)" for name, lift in top.select("name", "lift").rows())
        rows.append([str(row["segment"]), str(row["size"]), f"{row['share']:.1%}", liked])
    table = render(["segment", "users", "share", "likes more than others do (lift)"], rows, "segments")
    return table


def frame(table: pl.DataFrame) -> str:
    """Any small frame as text."""
    rows = [
        [f"{cell:.4f}" if isinstance(cell, float) else "" if cell is None else str(cell) for cell in row]
        for row in table.rows()
    ]
    return render(table.columns, rows, right=len(table.columns))


def explanation(table: pl.DataFrame) -> str:
    """An explanation as ``Run.explain`` returns it: shares as percentages, signed parts as numbers."""
    rows = []
    for part in table.iter_rows(named=True):
        value = part["value"]
        rows.append([part["part"], f"{value:.1%}" if part["share"] else f"{value:+.4f}"])
    return render(["part", "value"], rows)
