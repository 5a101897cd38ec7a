"""Write results.md from the trainings of run.py that there are.

usage: python experiments/segments/price/table.py
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cells import stored
from run import RESULTS, ROWS, SETS

HEAD = [
    "row", "ndcg@20, validation", "of `dot`", "segments a user", "largest alpha", "effective K",
    "through top 1", "through top 3", "CPU s", "seeds",
]  # fmt: skip
FIGURES = {
    "segments_per_user": 1, "largest_alpha": 2, "effective_k": 0, "ndcg_top1": 4, "ndcg_top3": 4,
    "cpu_seconds": 0,
}  # fmt: skip


def read() -> dict[tuple[str, str], dict[int, dict[str, Any]]]:
    """Return what there is by (set, row) and seed."""
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for _, each in sorted(stored(RESULTS).items()):
        found.setdefault((each["data"], each["row"]), {})[each["seed"]] = each
    return found


def spread(values: list[float], digits: int) -> str:
    """Return the mean, and of several seeds ± one standard deviation."""
    beside = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{beside}"


def ratio(row: dict[int, dict[str, Any]], dot: dict[int, dict[str, Any]]) -> str:
    """Return ndcg over that of `dot`, seed by seed; a row of one seed against that seed."""
    shared = [seed for seed in row if seed in dot]
    return spread([row[seed]["ndcg"] / dot[seed]["ndcg"] for seed in shared], 3) if shared else ""


def divisor(name: str) -> str:
    """Return the row of `dot` that a row is divided by: of the same defaults and temperature."""
    _, mark, which = name.partition("-default")
    return f"dot{mark}{which}"


def lines(data: str) -> list[str]:
    """Return a set's table."""
    found = read()
    rows = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    for name in ROWS:
        cells = found.get((data, name))
        if not cells:
            rows.append(f"| {name} | not run |" + " |" * (len(HEAD) - 2))
            continue
        dot = found.get((data, divisor(name)), {})
        values = [spread([each["ndcg"] for each in cells.values()], 4), ratio(cells, dot)]
        for key, digits in FIGURES.items():
            known = [each[key] for each in cells.values() if key in each]
            values.append(f"{statistics.fmean(known):.{digits}f}" if known else "")
        rows.append("| " + " | ".join([name, *values, str(len(cells))]) + " |")
    return rows


def main() -> None:
    text = ["# The price of segments", "", "Made by table.py; what is what: README.md.", ""]
    for data, settings in SETS.items():
        text += [f"## {data}", "", f"`{' '.join(settings)}`", "", *lines(data), ""]
    (RESULTS.parent / "results.md").write_text("\n".join(text), "utf-8")


if __name__ == "__main__":
    main()
