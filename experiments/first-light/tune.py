"""Choose defaults on validation, over several sets: a grid of settings, one line of JSON a run,
tests never read.

usage: python experiments/first-light/tune.py OUT.jsonl SETS GRID.json [override ...]
SETS: ml-100k,ml-1m,lastfm   GRID.json: a list of lists of overrides, the grid's settings
Data come from GNNSEG_DATA. A line already in OUT is not run again.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder

SHOWN = (
    "valid/ndcg@20",
    "valid/recall@20",
    "segment/segments_per_user",
    "segment/effective_k",
    "segment/recovery_ari",
)


def main(out: str, sets: str, grid: str, *always: str) -> None:
    path = Path(out)
    done = (
        {json.loads(line)["key"] for line in path.read_text("utf-8").splitlines()}
        if path.exists()
        else set()
    )
    settings = json.loads(Path(grid).read_text("utf-8"))
    for name in sets.split(","):
        for chosen in settings:
            overrides = [f"data={name}", *always, *chosen]
            if " ".join(overrides) in done:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                composed = config.compose([f"runs.root={scratch}", *overrides])
                config.check(composed)
                begun = time.monotonic()
                result = pipeline.train(composed, say=lambda line: None)
                metrics = RunFolder(result.path).read_json()["metrics"]
            figures = {key: round(metrics[key], 5) for key in SHOWN if key in metrics}
            line = {
                "key": " ".join(overrides),
                **figures,
                "seconds": round(time.monotonic() - begun, 1),
            }
            with open(path, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
