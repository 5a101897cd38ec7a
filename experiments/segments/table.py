"""Who wins which cell of the proof grid: results.md from results.jsonl.

usage: python experiments/segments/table.py [--default segments] [--out results.jsonl] [--all]

A cell is a generator, level and K over its seeds. The default is 'above' the best rival (largest
mean over the seeds that the default has) where the mean difference by seed exceeds its standard
error, 'at' within one, else 'below'; of one seed nothing is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import DEFAULT, OURS
from rivals import EXTRA, RIVALS

HERE = Path(__file__).resolve().parent
Line = dict[str, Any]
Lines = dict[str, dict[int, Line]]  # of one cell, by method and seed
RANKINGS = {"hard": ("hard", "own, top 1"), "soft": ("soft", "own")}


def through(way: str, figure: str = "recall") -> Callable[[Line], float | None]:
    """Return recall through the segments, hard or soft: of a method's own tastes and smoothed
    shares, those that validation prefers."""

    def read(line: Line) -> float | None:
        asked = [line["through"][name] for name in RANKINGS[way] if name in line["through"]]
        value: float = max(asked, key=lambda each: each["valid"])[figure]
        return value

    return read


FIGURES: dict[str, Callable[[Line], float | None]] = {
    "ARI": lambda line: line.get("ari"),
    "NMI": lambda line: line.get("nmi"),
    "seed ARI": lambda line: line.get("seed_ari"),
    "bootstrap ARI": lambda line: line.get("bootstrap_ari"),
    "modularity": lambda line: line.get("modularity"),
    "recall, hard": through("hard"),
    "recall, soft": through("soft"),
    "ndcg, hard": through("hard", "ndcg"),
    "ndcg, soft": through("soft", "ndcg"),
}


def read(path: Path) -> dict[str, Lines]:
    """Return the lines by cell, method and seed; of several those of the latest numerics count, of
    these the last, with stability one that has it."""
    found: dict[str, Lines] = defaultdict(lambda: defaultdict(dict))
    for text in path.read_text("utf-8").splitlines():
        line = json.loads(text)
        of_method = found[line["group"]][line["method"]]
        before = of_method.get(line["seed"])
        if before is None or _rank(line) >= _rank(before):
            of_method[line["seed"]] = line
    return found


def _rank(line: Line) -> tuple[int, bool]:
    return line["numerics"], line["stability"]


def values(lines: Lines, method: str, figure: str) -> dict[int, float]:
    """Return a method's figure by seed, where it is there."""
    got = {seed: FIGURES[figure](line) for seed, line in lines.get(method, {}).items()}
    return {seed: value for seed, value in got.items() if value is not None}


def mean(by_seed: dict[int, float]) -> str:
    """Return mean ± standard error over seeds."""
    if not by_seed:
        return ""
    beside = f" ± {_error(list(by_seed.values())):.3f}" if len(by_seed) > 1 else ""
    return f"{statistics.fmean(by_seed.values()):.3f}{beside}"


def best(
    lines: Lines, methods: list[str], figure: str, seeds: set[int]
) -> tuple[str, dict[int, float]]:
    """Return the method of largest mean over these seeds, among those that have all of them."""
    known = {name: values(lines, name, figure) for name in methods}
    full = {
        name: {seed: got[seed] for seed in seeds}
        for name, got in known.items()
        if seeds and seeds <= got.keys()
    }
    if not full:
        return "", {}
    name = max(full, key=lambda each: statistics.fmean(full[each].values()))
    return name, full[name]


def verdict(ours: dict[int, float], theirs: dict[int, float]) -> str:
    """Return above, at or below by the differences of the seeds; '' of fewer than two: no error."""
    both = sorted(ours.keys() & theirs.keys())
    if len(both) < 2:
        return ""
    gap = [ours[seed] - theirs[seed] for seed in both]
    error = _error(gap)
    if statistics.fmean(gap) > error:
        return "above"
    return "at" if statistics.fmean(gap) >= -error else "below"


def _error(numbers: list[float]) -> float:
    return statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0


def table(found: dict[str, Lines], figure: str, default: str, rivals: list[str]) -> list[str]:
    """Return a figure's table, a row a cell, and the count of verdicts above it."""
    heads = [name for name in OURS if name != default]
    rows, verdicts = [], Counter[str]()
    levels: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for group, lines in sorted(found.items()):
        ours = values(lines, default, figure)
        name, theirs = best(lines, rivals, figure, set(ours))
        other, others = best(lines, heads, figure, set(ours))
        said = verdict(ours, theirs)
        verdicts[said] += 1
        if said and group.count("/") > 1:
            means = (statistics.fmean(each.values()) for each in (ours, theirs))
            levels[group.split("/")[1]].append((said, *means))
        if ours:
            rows.append(
                f"| {group} | {len(ours)} | {mean(ours)} | {name} {mean(theirs)} | {said} "
                f"| {other} {mean(others)} |"
            )
    if not rows:
        return []
    judged = sum(count for word, count in verdicts.items() if word)
    reached = verdicts["above"] + verdicts["at"]
    counts = f"{reached} of {judged} cells at or above" if judged else "no cell has two seeds"
    return [
        f"\n## {figure}: {counts} ({verdicts['above']} above, {verdicts['below']} below)\n",
        *(_by_level(name, cells) for name, cells in levels.items()),
        f"| cell | seeds | {default} | best rival | {default} is | best other head |",
        "|---|---:|---|---|---|---|",
        *rows,
    ]


def _by_level(name: str, cells: list[tuple[str, float, float]]) -> str:
    """Return one level's verdicts, and the means over its cells, ours and of each best rival."""
    reached = sum(said != "below" for said, _, _ in cells)
    ours, theirs = (statistics.fmean(column) for column in list(zip(*cells, strict=True))[1:])
    return f"{name}: {reached} of {len(cells)}; mean {ours:.3f}, of the best rivals {theirs:.3f}\n"


def overview(found: dict[str, Lines]) -> list[str]:
    """Return each method's means over all cells and seeds it has."""
    lines = [
        "| method | cells | " + " | ".join(FIGURES) + " | CPU s |",
        "|---|" + "---:|" * (len(FIGURES) + 2),
    ]
    names = {name for methods in found.values() for name in methods}
    for name in sorted(names):
        cells = [methods[name] for methods in found.values() if methods.get(name)]
        own = [line for by_seed in cells for line in by_seed.values()]
        row = []
        for read_figure in FIGURES.values():
            got = [value for line in own if (value := read_figure(line)) is not None]
            row.append(f"{statistics.fmean(got):.3f}" if got else "")
        spent = statistics.fmean(line["cpu_seconds"] for line in own)
        lines.append(f"| {name} | {len(own)} | {' | '.join(row)} | {spent:.1f} |")
    return ["Means over the cells and seeds that are there (not the same for all).\n", *lines]


def first_seed(found: dict[str, Lines], rivals: list[str]) -> list[str]:
    """Return mean ARI by level, seed 0: of our heads, and of the best rival of each cell."""
    levels = ("easy", "medium", "hard")
    drawn = {name: lines for name, lines in found.items() if name.split("/")[1] in levels}
    by: dict[str, dict[str, float]] = {}
    for name, lines in drawn.items():
        got = {each: values(lines, each, "ARI").get(0) for each in (*OURS, *rivals)}
        known = {each: value for each, value in got.items() if value is not None}
        for each in OURS:
            if each in known:
                by.setdefault(each, {})[name] = known[each]
        theirs = [known[each] for each in rivals if each in known]
        by.setdefault("best rival of each cell", {})[name] = max(theirs)
    whole = {each: cells for each, cells in by.items() if len(cells) == len(drawn)}
    rows = [f"\n## ARI, seed 0: {len(drawn)} drawn cells\n"]
    rows += ["| method | easy | medium | hard | all |", "|---|---:|---:|---:|---:|"]
    for each, cells in whole.items():
        parts = [
            statistics.fmean(v for name, v in cells.items() if name.split("/")[1] == level)
            for level in levels
        ]
        shown = " | ".join(f"{part:.3f}" for part in (*parts, statistics.fmean(cells.values())))
        rows.append(f"| {each} | {shown} |")
    return rows


def main() -> None:
    """Write results.md and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--default", default=DEFAULT)
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    parser.add_argument("--all", action="store_true", help=f"rivals beyond the list too: {EXTRA}")
    given = parser.parse_args()
    found = read(given.out)
    rivals = [name for name in RIVALS if given.all or name not in EXTRA]
    lines = [f"# The proof grid: {given.default} against {', '.join(rivals)}\n"]
    lines += overview(found)
    lines += first_seed(found, rivals)
    for figure in FIGURES:
        lines += table(found, figure, given.default, rivals)
    given.out.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(line for line in lines if line.startswith(("#", "\n#"))))


if __name__ == "__main__":
    main()
