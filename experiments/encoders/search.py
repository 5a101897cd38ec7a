"""Graph encoders with settings of their own: ten configurations a model, chosen on validation.

usage: python experiments/encoders/search.py [--minutes M] [SET ...]     (data in GNNSEG_DATA, runs
in GNNSEG_RUNS, else ./runs) A model as it comes and nine draws from SPACE (random search, Bergstra
& Bengio 2012), the same nine for every model, on seed 0; the best by valid/ndcg@20 is then run with
every seed, and its test stands beside that of the model as it comes. Cells are run.py's:
results/<hash>.json, found again. Writes search.md from what there is: sets not begun are not in it,
and a model whose ten are not all there is not run yet. ``--minutes``: begin no cell after so many.
Two may run beside each other: a cell in work is left to who began it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run
from cells import SEEDS, cell, minutes, spread

HERE = Path(__file__).resolve().parent
DRAWS = 10
SPACE: dict[str, dict[str, list[str]]] = {
    "dot": {
        "encoder.layers": ["1", "2", "3"],
        "encoder.scale": ["0.01", "0.03", "0.1"],
        "optimizer.lr": ["0.0005", "0.001", "0.002", "0.004"],
        "head.tau": ["0.08", "0.12", "0.16", "0.2"],
        "regularisers.l2.weight": ["0.0", "0.0001", "0.001"],
    },
    "segments": {
        "encoder.layers": ["1", "2", "3"],
        "encoder.scale": ["0.01", "0.03", "0.1"],
        "optimizer.lr": ["0.02", "0.05", "0.1"],
        "head.tau_alpha": ["0.1", "0.15", "0.2"],
        "head.tau_beta": ["0.1", "0.15", "0.2"],
    },
}
MODELS = (
    "mf",
    "lightgcn",
    "lightgcn++",
    "sage, mean",
    "pinsage",
    "pyg, GraphConv",
    "pyg, GATv2Conv",
    "rgcn, typed relations",
)
UNREAD = {  # of SPACE, by whom
    "encoder.layers": {"mf"},
    "encoder.scale": {"mf", "lightgcn", "lightgcn++", "pyg, GraphConv", "pyg, GATv2Conv"},
}


def drawn(name: str, head: str) -> list[list[str]]:
    """The configurations of a model: as it comes, and the draws, less what it does not read."""
    rng = np.random.default_rng(0)
    found: list[list[str]] = [[]]
    for _ in range(DRAWS - 1):
        values = {key: str(rng.choice(choices)) for key, choices in SPACE[head].items()}
        found.append(
            [f"{key}={value}" for key, value in values.items() if name not in UNREAD.get(key, ())]
        )
    return found


def main(arguments: list[str]) -> None:
    deadline, names = minutes(arguments), [a for a in arguments if a in run.SETS] or ["ml-100k"]
    lines = [
        (
            "ndcg@20: mean over seeds ± one standard deviation; chosen on validation, seed 0. "
            "`python experiments/encoders/search.py`"
        ),
        "", "| set | model | head | as it comes | chosen | what was chosen | seeds |",
        "|---|---|---|---:|---:|---|---:|",
    ]  # fmt: skip
    for data in (
        name for name in run.SETS if name != "gowalla"
    ):  # under protocol paper nothing is left to choose on
        models = {(name, head): overrides for name, head, overrides in run.models(data)}
        for head in SPACE:
            for name in MODELS:
                if (name, head) in models:
                    said = line(
                        data, name, head, models[name, head], deadline if data in names else 0.0
                    )
                    lines += [f"| {data} | {name} | {head} | {said} |"] if said else []
    (HERE / "search.md").write_text("\n".join(lines) + "\n", "utf-8")


def line(data: str, name: str, head: str, model: list[str], deadline: float) -> str:
    """A row less its first cells; empty where no search was begun."""

    def at(settings: list[str], seed: int) -> dict[str, Any] | None:
        found = cell(run.RESULTS, run.command(data, [*model, *settings], seed), deadline, run.LIMIT)
        return found if found is not None and "metrics" in found else None

    tried = [(settings, at(settings, SEEDS[0])) for settings in drawn(name, head)]
    judged = [
        (found["metrics"]["valid/ndcg@20"], settings)
        for settings, found in tried
        if found is not None
    ]
    if len(judged) <= 1:
        return ""  # nothing but the model as it comes
    if len(judged) < len(tried):
        return f" | | not run: {len(judged)} of {len(tried)} configurations | "
    chosen = max(judged, key=lambda pair: pair[0])[1]
    both = [
        [c["metrics"]["test/ndcg@20"] for seed in SEEDS if (c := at(s, seed)) is not None]
        for s in ([], chosen)
    ]
    said = ", ".join(s.split(".", 1)[1] for s in chosen) or "as it comes"
    return f"{spread(both[0])} | {spread(both[1])} | {said} | {len(both[1])}"


if __name__ == "__main__":
    main(sys.argv[1:])
