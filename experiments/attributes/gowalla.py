"""NeuMF and the two towers on Gowalla beside their published reruns, protocol `paper`.

usage: python experiments/attributes/gowalla.py        (data in GNNSEG_DATA, runs in GNNSEG_RUNS,
else ./runs) Writes a cell as results/<hash>.json when it is finished, finds it again, and writes
gowalla.md. Train is train and validation, the best epoch is the test's, as in the published tables;
one seed; settings as they come. Published: reczoo's BARS (Zhu et al. 2022).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import cell, minutes

HERE = Path(__file__).resolve().parent
LIMIT = 7200  # seconds a run may take
PAPER = ["data=gowalla", "evaluation.protocol=paper"]
ROWS: dict[str, tuple[list[str], float, float]] = {  # settings, published recall@20 and ndcg@20
    "two_tower (YouTubeDNN)": (["encoder=two_tower", "head=dot"], 0.1754, 0.1473),
    "neumf": (["encoder=mf", "encoder.init=normal", "head=neumf"], 0.1399, 0.1212),
}


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    lines = [
        (
            "Gowalla, protocol `paper` (best epoch on the test), one seed. "
            "`python experiments/attributes/gowalla.py`"
        ),
        "",
        "| model | recall@20 | published | ndcg@20 | published | CPU s | MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, (overrides, recall, ndcg) in ROWS.items():
        found = cell(HERE / "results", [*PAPER, *overrides], deadline, LIMIT)
        if found is None or "metrics" not in found:
            why = "no time yet" if found is None else found["not run"]
            lines.append(f"| {name} | not run: {why} | {recall} | | {ndcg} | | |")
            continue
        m = found["metrics"]
        cells = [
            f"{m['test/recall@20']:.4f}",
            f"{recall}",
            f"{m['test/ndcg@20']:.4f}",
            f"{ndcg}",
            f"{found['cpu_seconds']:.0f}",
            f"{found['memory_mb']:.0f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    (HERE / "gowalla.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
