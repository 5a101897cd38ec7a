"""LightGCN on Gowalla under the paper's own settings: its curve beside that of its authors' code.

usage: python experiments/lightgcn-fidelity/gowalla.py [--minutes M]     (data in GNNSEG_DATA, runs in GNNSEG_RUNS, else ./runs)
Settings as in the code of He et al. (2020): D 64, 3 layers, normal start of .1, BPR with one uniform negative, a user first and then one
of the user's items, Adam 1e-3, L2 1e-4, batch 2048, 1,000 epochs, protocol `paper` (best epoch on test, as they choose it).
``--minutes``: stop after so many; the same command goes on where it stopped. Writes gowalla.json and gowalla.md from what there is.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMAND = [
    "data=gowalla", "evaluation.protocol=paper", "encoder=lightgcn", "encoder.layers=3", "encoder.init=normal", "head=dot",
    "head.similarity=dot", "objective=bpr", "objective.degree_power=-1", "regularisers.l2.weight=0.0001", "trainer.max_epochs=1000",
    "trainer.eval_every=10", "trainer.patience=null", "seed=0",
]  # fmt: skip
PUBLISHED = {100: 0.1571, 200: 0.1697, 940: 0.1820}  # epoch: recall@20, of the authors' log


def main(arguments: list[str]) -> None:
    limit = 60 * float(arguments[arguments.index("--minutes") + 1]) if "--minutes" in arguments else None
    train = subprocess.Popen(
        [sys.executable, "-m", "gnnseg.cli", "train", *COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, complained = train.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        train.send_signal(signal.SIGINT)
        said, complained = train.communicate()
    folder = Path((said.strip() or complained.strip().splitlines()[-1].rpartition(": ")[2]).strip())
    if not (folder / "run.json").exists():
        sys.exit(complained)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    curve = []
    for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines():
        found = json.loads(line)
        if "test/recall@20" in found:
            curve.append(
                {k: found[v] for k, v in (("epoch", "epoch"), ("recall", "test/recall@20"), ("ndcg", "test/ndcg@20"))}
                | {"seconds": round(found["seconds"])}
            )
    stored = {
        "command": COMMAND, "state": record["state"], "curve": curve, "numerics": record["numerics"], "device": record["device"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores", "versions": record["versions"],
    }  # fmt: skip
    (HERE / "gowalla.json").write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    lines = ["`python experiments/lightgcn-fidelity/gowalla.py`", "", "| epoch | recall@20 | published | ndcg@20 | seconds |",
             "|---:|---:|---:|---:|---:|"]  # fmt: skip
    for row in curve:
        beside = f"{PUBLISHED[row['epoch']]:.4f}" if row["epoch"] in PUBLISHED else ""
        lines.append(f"| {row['epoch']} | {row['recall']:.4f} | {beside} | {row['ndcg']:.4f} | {row['seconds']} |")
    for epoch, recall in PUBLISHED.items():
        if not any(row["epoch"] == epoch for row in curve):
            lines.append(f"| {epoch} | not run | {recall:.4f} | | |")
    (HERE / "gowalla.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
