"""How a run grows with its data: seconds of each phase and memory, from 1e5 pairs up.

usage: python experiments/scale/run.py [PAIRS ...] [--threads N]

Planted sets of 50 pairs a user and 200 an item, by the command, each in a process of its own; two
epochs, judged on at most 20,000 drawn users of a part. Appends to results.json by pairs, then fits
seconds = c pairs^e to each phase and draws them: scale.svg. PAIRS: 1e5 1e6 1e7, if none is given.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PHASES = ("data", "train", "evaluate", "evidence", "else", "total")
SHORT = 0.5  # seconds below which a phase says nothing of its growth


def measured(pairs: int, threads: int) -> dict[str, Any]:
    """Seconds of each phase and the largest memory of one run."""
    with tempfile.TemporaryDirectory() as root:
        words = [
            "data=planted", f"data.users={pairs // 50}", f"data.items={pairs // 200}",
            f"data.interactions={pairs}", "trainer.max_epochs=2", "evaluation.users=20000",
            f"threads={threads}", f"runs.root={root}", "cache.root=null",
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "gnnseg", "train", *words],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        record = json.loads((Path(done.stdout.strip()) / "run.json").read_text("utf-8"))
    seconds = record["seconds"]
    named = sum(seconds[name] for name in PHASES if name in seconds and name != "total")
    return {
        "command": " ".join(words[:-2]),
        "numerics": record["numerics"],
        "cores": os.cpu_count(),
        "memory_mb": record["memory_mb"],
        "seconds": {**seconds, "else": round(seconds["total"] - named, 3)},
    }


def exponents(found: dict[str, Any]) -> dict[str, float | None]:
    """The slope of log seconds over log pairs of each phase, where it takes any time."""
    slopes: dict[str, float | None] = {}
    for phase in PHASES:
        known = [(float(n), row["seconds"].get(phase, 0.0)) for n, row in found.items()]
        pairs, seconds = np.array([each for each in known if each[1] >= SHORT]).reshape(-1, 2).T
        enough = len(pairs) > 1
        slopes[phase] = (
            round(float(np.polyfit(np.log(pairs), np.log(seconds), 1)[0]), 2) if enough else None
        )
    return slopes


def draw(found: dict[str, Any], slopes: dict[str, float | None]) -> None:
    """Draw the phases' seconds over the pairs, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    order = sorted(found, key=float)
    for phase in PHASES:
        seconds = [max(found[n]["seconds"].get(phase, 0.0), 0.01) for n in order]
        label = phase if slopes[phase] is None else f"{phase}: pairs^{slopes[phase]}"
        axes.loglog([float(n) for n in order], seconds, marker="o", label=label)
    axes.set(xlabel="pairs", ylabel="seconds")
    axes.legend()
    figure.savefig(HERE / "scale.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", nargs="*", type=float, default=[1e5, 1e6, 1e7])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"runs": {}}
    for pairs in map(int, asked.pairs):
        found = measured(pairs, asked.threads)
        stored["runs"][str(pairs)] = found
        print(f"{pairs:,}: {found['seconds']}, {found['memory_mb']:,.0f} MB", flush=True)
    stored["runs"] = dict(sorted(stored["runs"].items(), key=lambda each: int(each[0])))
    stored["exponents"] = exponents(stored["runs"])
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    draw(stored["runs"], stored["exponents"])
    print(stored["exponents"])


if __name__ == "__main__":
    main()
