"""LightGCN on Gowalla under the paper's own settings: its curve beside those of its authors' code.

usage: python experiments/lightgcn-fidelity/gowalla.py [--minutes M] [weight|each|xavier]   (data:
GNNSEG_DATA, runs: GNNSEG_RUNS, ./runs) Settings as in the code of He et al. (2020): D 64, 3 layers,
normal start of .1, BPR with one uniform negative, Adam 1e-3, L2 1e-4, batch 2048, 1,000 epochs,
protocol `paper` (best epoch on test, as they choose it). ``weight``, if nothing is said: pairs are
drawn as theirs are, a user first and then one of the user's items; ``each``: an epoch holds every
pair once, weighing 1/degree; ``xavier``: as ``weight``, from as small a start as Glorot & Bengio's
(2010), which their first code has (its .0082 of users is the items' too here). ``--minutes``: stop
after so many; the same command goes on where it stopped. Writes gowalla.json and gowalla.md from
what there is.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STORED = HERE / "gowalla.json"
COMMAND = [
    "data=gowalla",
    "evaluation.protocol=paper",
    "encoder=lightgcn",
    "encoder.layers=3",
    "encoder.init=normal",
    "head=dot",
    "head.similarity=dot",
    "objective=bpr",
    "objective.degree_power=-1",
    "regularisers.l2.weight=0.0001",
    "trainer.max_epochs=1000",
    "trainer.patience=null",
    "seed=0",
]
ARMS = {
    "weight": ["trainer.draw=weight", "trainer.eval_every=5"],
    "each": ["trainer.draw=each", "trainer.eval_every=10"],
    "xavier": ["trainer.draw=weight", "trainer.eval_every=5", "encoder.scale=0.0082"],
}
# epoch: recall@20; the first of the log in the README of the authors' PyTorch code, the others of
# their code as timed on an RTX 2080 Ti
PUBLISHED = {5: 0.1071, 100: 0.1571, 200: 0.1697, 940: 0.1820}
SHOWN = {5, *range(10, 1001, 10)}


def main(arguments: list[str]) -> None:
    limit = (
        60 * float(arguments[arguments.index("--minutes") + 1])
        if "--minutes" in arguments
        else None
    )
    arm = next((a for a in arguments if a in ARMS), "weight")
    stored: dict[str, Any] = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
    stored[arm] = curve([*COMMAND, *ARMS[arm]], limit)
    STORED.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    (HERE / "gowalla.md").write_text("\n".join(table(stored)) + "\n", "utf-8")


def curve(command: list[str], limit: float | None) -> dict[str, Any]:
    train = subprocess.Popen(
        [sys.executable, "-m", "gnnseg", "train", *command],
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
    points = []
    for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines():
        found = json.loads(line)
        if "test/recall@20" in found:
            points.append(
                {
                    k: found[v]
                    for k, v in (
                        ("epoch", "epoch"),
                        ("recall", "test/recall@20"),
                        ("ndcg", "test/ndcg@20"),
                    )
                }
                | {"seconds": round(found["seconds"])}
            )
    return {
        "command": command,
        "state": record["state"],
        "curve": points,
        "numerics": record["numerics"],
        "device": record["device"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": record["versions"],
    }


def table(stored: dict[str, Any]) -> list[str]:
    """Recall and ndcg at 20 by epoch, a column an arm."""
    by = {arm: {row["epoch"]: row for row in one["curve"]} for arm, one in stored.items()}
    lines = [
        (
            "recall@20 / ndcg@20. "
            "`python experiments/lightgcn-fidelity/gowalla.py [weight|each|xavier]`"
        ),
        "",
        (
            "| epoch | published | drawn as theirs (`weight`) | every pair once, weighing 1/degree "
            "(`each`) | a small start (`xavier`) |"
        ),
        "|---:|---:|---:|---:|---:|",
    ]
    for epoch in sorted({e for rows in by.values() for e in rows} & SHOWN | set(PUBLISHED)):
        cells = [f"{PUBLISHED[epoch]:.4f}" if epoch in PUBLISHED else ""]
        for arm in ARMS:
            found = by.get(arm, {}).get(epoch)
            cells.append(f"{found['recall']:.4f} / {found['ndcg']:.4f}" if found else "not run")
        lines.append("| " + " | ".join([str(epoch), *cells]) + " |")
    for arm, one in stored.items():
        last = one["curve"][-1]
        if last["epoch"] < 20:  # too few to time
            continue
        lines += [
            "",
            (
                f"`{arm}`: {last['seconds'] / last['epoch']:.0f} s an epoch, "
                f"{one['device']['threads']} threads."
            ),
        ]
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
