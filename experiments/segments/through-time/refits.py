"""Whether a refit keeps segments and ranks no worse: on train + validation, asked about the test.

    GNNSEG_DATA=DIR python experiments/segments/through-time/refits.py      # refits.json

The folder of a finished run is copied without its test pairs and refitted; the refit's lists are
then measured on the test, beside the run's own. ``from nothing``: a refit whose segments do not
start at the run's, numbered by Hungarian all the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import gnnseg
from gnnseg.evaluation import evaluator
from gnnseg.evaluation.protocol import Protocol
from gnnseg.runs import refit
from gnnseg.runs.run import Run

HERE = Path(__file__).parent


def measured(path: Path, run: Run) -> dict[str, float]:
    """Return a refit's test ndcg@20, and whom of all it leaves in the run's segment."""
    found, split = Run.load(path), run.split()
    rules = Protocol(protocol="clean", seen="mask", ks=[20])
    ranked = evaluator.rank(
        found.stored.scorer, rules.test_task(split), rules, split.train, torch.device("cpu")
    )
    same = float((found.alpha.argmax(1) == run.alpha.argmax(1)).mean())
    return {"test/ndcg@20": round(ranked.metrics["ndcg@20"], 5), "same segment": round(same, 4)}


def without_test(run: Run, folder: Path) -> Path:
    """Copy a run's folder without its test pairs."""
    path = folder / run.path.name
    shutil.copytree(run.path, path)
    with np.load(path / "seen.npz") as stored:
        kept = {name: stored[name][stored["part"] < 2] for name in stored.files}
    np.savez_compressed(path / "seen.npz", **kept)
    return path


def main() -> None:
    """Refit runs of ml-100k at K = 8 and 16, three seeds."""
    out, cells = HERE / "refits.json", {}
    if out.exists():
        cells = json.loads(out.read_text("utf-8"))
    for segments in (16, 8):
        for seed in (0, 1, 2):
            name = f"ml-100k K={segments} seed={seed}"
            if name not in cells:
                run = gnnseg.train("ml-100k", [f"head.segments={segments}"], seed=seed)
                cell: dict[str, Any] = {"run": round(run.metric("test/ndcg@20"), 5)}
                for how in ("refit", "from nothing"):
                    with tempfile.TemporaryDirectory() as folder:
                        path = without_test(run, Path(folder))
                        start = refit._start if how == "refit" else lambda *_: None
                        with mock.patch.object(refit, "_start", start):
                            found = refit.refit(path, say=lambda line: None, progress=False)
                        cell[how] = measured(found, run)
                cells[name] = cell
                out.write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
            print(name, json.dumps(cells[name]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
