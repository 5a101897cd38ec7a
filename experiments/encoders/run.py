"""Every graph encoder with `dot`, `segments` and `hybrid`: what weights between layers, walks and
relations are worth, and cost.

usage: python experiments/encoders/run.py [--minutes M] [SET ...]       (data in GNNSEG_DATA, runs
in GNNSEG_RUNS, else ./runs) Writes a cell as results/<hash>.json when it is finished, finds it
again, and writes results.md from the cells there are. Protocol clean (gowalla: paper, one seed).
Every model is run as it comes, its defaults, none tuned on these sets; the best epoch is chosen on
validation, the test read once. What has no cell yet stands in the table as not run. ``--minutes``:
begin no cell after so many. Two may run beside each other: a cell in work is left to who began it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import RULE, SEEDS, cell, minutes, row

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
LIMIT = 1800  # seconds a run may take
SETS: dict[str, list[str]] = {
    "ml-100k": ["data=ml-100k"],
    "lastfm-2k": ["data=lastfm-2k"],
    "lastfm": ["data=lastfm"],
    "ml-1m": ["data=ml-1m"],
    "completejourney": ["data=completejourney", "data.level=product_type", "evaluation.seen=allow"],
    "gowalla": ["data=gowalla", "evaluation.protocol=paper"],
}
SPLIT = (
    "ml-100k",
    "lastfm-2k",
)  # split anew by each seed; the others bring their split, or are split by time
RELATIONS = ("ml-100k", "lastfm-2k", "completejourney")  # beside the interactions
MODELS: dict[str, list[str]] = {
    "mf": ["encoder=mf"],
    "lightgcn": ["encoder=lightgcn"],
    "lightgcn++": ["encoder=lightgcnpp"],
    "sage, mean": ["encoder=sage"],
    "sage, max": ["encoder=sage", "encoder.aggregate=max"],
    "sage, mean, 10 and 10 neighbours": ["encoder=sage", "encoder.neighbours=[10,10]"],
    "pinsage": ["encoder=pinsage"],
    "rgcn, no relation": ["encoder=rgcn", "encoder.relations=none"],
    "rgcn, merged relations": ["encoder=rgcn", "encoder.relations=merged"],
    "rgcn, typed relations": ["encoder=rgcn"],
    "rgcn, typed relations and friends": ["encoder=rgcn", "encoder.ties=true"],
    "pyg, GATv2Conv": ["encoder=pyg"],
    "pyg, SAGEConv": ["encoder=pyg", "encoder.conv=SAGEConv"],
    "pyg, GraphConv": ["encoder=pyg", "encoder.conv=GraphConv"],
}
HEADS: dict[str, list[str]] = {
    "segments": ["head=segments"],
    "dot": ["head=dot"],
    "hybrid": ["head=hybrid"],
}


def models(data: str) -> Iterator[tuple[str, str, list[str]]]:
    """(model, head, overrides) that make sense on a set."""
    for head, chosen in HEADS.items():
        for name, overrides in MODELS.items():
            related = data in RELATIONS or not ("typed" in name or "merged" in name)
            if related and (data == "lastfm-2k" or "friends" not in name):
                yield name, head, [*overrides, *chosen]


def command(data: str, overrides: list[str], seed: int) -> list[str]:
    return [
        *SETS[data],
        *overrides,
        f"seed={seed}",
        *([f"split.seed={seed}"] if data in SPLIT else []),
    ]


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    names = [a for a in arguments if a in SETS] or list(SETS)
    for seed in SEEDS:  # a whole table of one seed before the next
        for data in names:
            for _, _, overrides in models(data):
                if data != "gowalla" or seed == SEEDS[0]:
                    cell(RESULTS, command(data, overrides, seed), deadline, LIMIT)
    said = (
        "Means over seeds ± one standard deviation; k = 20; protocol clean (gowalla: paper). "
        "`python experiments/encoders/run.py`"
    )
    lines = [said, ""]
    for data in SETS:
        lines += [f"## {data}", "", *RULE]
        seeds = SEEDS[:1] if data == "gowalla" else SEEDS
        for name, head, overrides in models(data):
            lines.append(
                row(
                    name,
                    head,
                    [cell(RESULTS, command(data, overrides, s), 0.0, LIMIT) for s in seeds],
                )
            )
        lines.append("")
    (HERE / "results.md").write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
