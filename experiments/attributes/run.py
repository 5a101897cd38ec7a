"""Every encoder with `dot` and with `segments`, on three sets: what attributes and ties are worth,
and what they cost.

usage: python experiments/attributes/run.py [--minutes M] [SET ...]       (data in GNNSEG_DATA, runs
in GNNSEG_RUNS, else ./runs) Writes a cell as results/<hash>.json when it is finished, finds it
again, and writes results.md from the cells there are. Protocol clean. completejourney's items are
kinds of products (2,232), as in experiments/shop: with single products the models here would take
hours. Every model is run as it comes, its defaults, none tuned on these sets; the best epoch is
chosen on validation, the test read once. What has no cell yet stands in the table as not run.
``--minutes``: begin no cell after so many. Two may run beside each other: a cell in work is left to
who began it.
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
    "completejourney": ["data=completejourney", "data.level=product_type", "evaluation.seen=allow"],
}
MODELS: dict[str, list[str]] = {
    "mf": ["encoder=mf"],
    "lightgcn": ["encoder=lightgcn"],
    "lightgcn, attributes beside": ["encoder=lightgcn", "encoder.attributes=beside"],
    "lightgcn, attributes alone": ["encoder=lightgcn", "encoder.attributes=alone"],
    "linear": ["encoder=linear"],
    "dnn": ["encoder=dnn"],
    "two_tower": ["encoder=two_tower"],
    "lightgcn, friends": ["encoder=lightgcn", "encoder.social=0.5"],
    "lightgcn, attributes and friends": [
        "encoder=lightgcn",
        "encoder.attributes=beside",
        "encoder.social=0.5",
    ],
    "social": ["encoder=social"],
}
HEADS: dict[str, list[str]] = {"segments": ["head=segments"], "dot": ["head=dot"]}
PAIRS: dict[str, list[str]] = {  # scorers of pairs have no segments and no product: one row each
    "neumf": ["encoder=mf", "encoder.init=normal", "head=neumf"],
    "dnn + mlp": ["encoder=dnn", "head=mlp"],
}
FRIENDS = ("lightgcn, friends", "lightgcn, attributes and friends", "social")


def models(data: str) -> Iterator[tuple[str, str, list[str]]]:
    """(model, head, overrides) that make sense on a set."""
    for head, chosen in HEADS.items():
        for name, overrides in MODELS.items():
            if name in FRIENDS and data != "lastfm-2k":
                continue
            yield name, head, [*overrides, *chosen]
    for name, overrides in PAIRS.items():
        yield name, "own", overrides


def seeded(data: str, seed: int) -> list[str]:
    """ml-100k and lastfm-2k are split anew by each seed; completejourney's split is by time."""
    return [f"seed={seed}"] if data == "completejourney" else [f"seed={seed}", f"split.seed={seed}"]


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    names = [a for a in arguments if a in SETS] or list(SETS)
    said = (
        "Means over seeds ± one standard deviation; k = 20; protocol clean, test read once. "
        "`python experiments/attributes/run.py`"
    )
    lines = [said, ""]
    for data in SETS:
        lines += [f"## {data}", "", *RULE]
        popularity = None
        for name, head, overrides in models(data):
            commands = [[*SETS[data], *overrides, *seeded(data, seed)] for seed in SEEDS]
            cells = [
                cell(RESULTS, command, deadline if data in names else 0.0, LIMIT)
                for command in commands
            ]
            lines.append(row(name, head, cells))
            popularity = next(
                (c["popularity"] for c in cells if c is not None and "popularity" in c), popularity
            )
        lines += [
            "",
            f"Popularity: ndcg@20 {popularity:.3f}." if popularity is not None else "",
            "",
        ]
    (HERE / "results.md").write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
