"""The proof grid: every head of gnnseg against its rivals, cell by cell.

usage: python experiments/segments/grid.py [--cells PATTERN …] [--methods PATTERN …]
           [--minutes M] [--no-stability] [--again] [--out FILE]

A cell and method is a line of results.jsonl; what stands there is not done again (--again: it is).
Data in GNNSEG_DATA; run folders are temporary.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import measure
import rivals
from fits import Fit, ThroughSegments
from measure import Ground
from plan import OURS, TRUTH, Cell, cells

from gnnseg.runs.identity import source_digest
from gnnseg.runs.numerics import NUMERICS
from gnnseg.types import InputError

OUT = Path(__file__).resolve().parent / "results.jsonl"
OTHER_SEED, BOOTSTRAP = 100, 200  # added to the seed of a second fit, and of one on 90 %
SHARE = 0.9


def main() -> None:
    """Run what is asked for and not done yet."""
    given = _arguments()
    done = _done(given.out) if not given.again else {}
    end = time.monotonic() + 60 * given.minutes
    for cell in cells(given.cells):
        asked = cell.methods(given.methods)
        todo = [m for m in asked if not (given.stability <= done.get((cell.name, m), -1))]
        if not todo or time.monotonic() > end:
            continue
        try:
            ground = Ground.of(cell.data, cell.overrides)
        except InputError as error:  # the set is not here
            print(f"{cell.name}: {error}", file=sys.stderr, flush=True)
            continue
        for method in todo:
            if time.monotonic() > end:
                break
            line = run(ground, cell, method, stability=given.stability)
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_rounded(line)) + "\n")
            print(_said(line), file=sys.stderr, flush=True)


def _rounded(value: Any) -> Any:
    """Return a line with its figures to six digits behind the point."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def run(ground: Ground, cell: Cell, method: str, *, stability: bool) -> dict[str, Any]:
    """Return the line of a cell and method."""
    begun, clock = time.monotonic(), time.process_time()
    work = ours if method in OURS else rival
    found = work(ground, cell, method, stability=stability)
    return {
        "cell": cell.name,
        "group": cell.group,
        "seed": cell.seed,
        "method": method,
        "overrides": cell.overrides + _settings(cell, method),
        "stability": stability,
        **found,
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(time.process_time() - clock, 2),
        "numerics": NUMERICS,
        "source": source_digest()[:12],
        "fingerprint": ground.split.fingerprint[:16],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _settings(cell: Cell, method: str) -> list[str]:
    if method == TRUTH:
        return []
    if method not in OURS:
        return [f"starts={rivals.STARTS}"]
    return [*OURS[method], f"head.segments={cell.segments}"]


def rival(ground: Ground, cell: Cell, method: str, *, stability: bool) -> dict[str, Any]:
    """Return a rival's figures."""
    split = ground.split
    sizes = (len(split.users), len(split.items), cell.segments)

    def fit(seed: int, share: float = 1.0) -> Fit:
        if method == TRUTH:
            return measure.by_truth(ground)
        train = split.train if share == 1 else measure.subset(split.train, share, seed)
        return rivals.fit(method, train, *sizes, seed)

    first, clock = fit(cell.seed), time.process_time()
    alpha = first.hard if first.alpha is None else first.alpha
    own = {}
    if first.beta is not None:
        own["own"] = ThroughSegments(alpha, first.beta)
        own["own, top 1"] = ThroughSegments(np.eye(alpha.shape[1])[first.label], first.beta)
    found = {"objective": first.objective}
    found |= measure.figures(ground, alpha, own, first.label)
    if stability:
        label = first.label
        found["seed_ari"] = ground.agreement(label, fit(cell.seed + OTHER_SEED).label)["ari"]
        other = fit(cell.seed + BOOTSTRAP, SHARE).label
        found["bootstrap_ari"] = ground.agreement(label, other)["ari"]
    return found | {"after_cpu_seconds": round(time.process_time() - clock, 2)}


def ours(ground: Ground, cell: Cell, method: str, *, stability: bool) -> dict[str, Any]:
    """Return the figures of a head of gnnseg, trained by the package's own route."""
    with tempfile.TemporaryDirectory() as root:
        common = [f"runs.root={root}", "threads=1", "device=cpu"]
        drawn = [*cell.overrides, *_settings(cell, method), *common]
        first, alpha = measure.trained(ground, cell.data, drawn, cell.seed)
        clock = time.process_time()
        scorer = first.stored.scorer
        own = {"own": scorer, "own, top 1": scorer.truncated(1)}
        found: dict[str, Any] = measure.figures(ground, alpha, own)
        if stability:
            label = alpha.argmax(1)
            _, again = measure.trained(ground, cell.data, drawn, cell.seed + OTHER_SEED)
            found["seed_ari"] = ground.agreement(label, again.argmax(1))["ari"]
            seed = cell.seed + BOOTSTRAP
            some = measure.subset(ground.split.train, SHARE, seed)
            _, less = measure.trained(ground, cell.data, drawn, seed, some)
            found["bootstrap_ari"] = ground.agreement(label, less.argmax(1))["ari"]
        seconds = first.record["seconds"]
    after = round(time.process_time() - clock, 2)
    return found | {"after_cpu_seconds": after, "run_seconds": seconds}


def _said(line: dict[str, Any]) -> str:
    shown = [
        f"{key} {line[key]:.3f}" for key in ("ari", "seed_ari", "bootstrap_ari") if key in line
    ]
    best = max(line["through"].values(), key=lambda each: each["valid"])
    shown.append(f"recall {best['recall']:.4f}")
    return f"{line['cell']} {line['method']}: {', '.join(shown)} ({line['seconds']:.0f} s)"


def _done(path: Path) -> dict[tuple[str, str], bool]:
    """Return which cells and methods have a line, and whether with stability."""
    found: dict[tuple[str, str], bool] = {}
    if path.exists():
        for text in path.read_text("utf-8").splitlines():
            line = json.loads(text)
            key = (line["cell"], line["method"])
            found[key] = found.get(key, False) or line["stability"]
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["*"], help="such as 'blocks/*/K4/s0'")
    parser.add_argument("--methods", nargs="+", default=["*"], help="such as 'segments*' plsa")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--no-stability", dest="stability", action="store_false")
    parser.add_argument("--again", action="store_true", help="do what stands there again")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
