"""Every encoder with `dot` and with `segments`, on three sets: what attributes and ties are worth, and what they cost.

usage: python experiments/attributes/run.py [--minutes M] [SET ...]       (data in GNNSEG_DATA, runs in GNNSEG_RUNS, else ./runs)
Writes a cell as results/<hash>.json when it is finished, finds it again, and writes results.md from the cells there are.
Protocol clean. completejourney's items are kinds of products (2,232), as in experiments/shop: with single products the models
here would take hours. Every model is run as it comes, its defaults, none tuned on these sets; the best epoch is chosen on
validation, the test read once. What has no cell yet stands in the table as not run.
``--minutes``: begin no cell after so many. Two may run beside each other: a cell in work is left to who began it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    "lightgcn, attributes and friends": ["encoder=lightgcn", "encoder.attributes=beside", "encoder.social=0.5"],
    "social": ["encoder=social"],
}
HEADS: dict[str, list[str]] = {"segments": ["head=segments"], "dot": ["head=dot"]}
PAIRS: dict[str, list[str]] = {  # scorers of pairs have no segments and no product: one row each
    "neumf": ["encoder=mf", "encoder.init=normal", "head=neumf"],
    "dnn + mlp": ["encoder=dnn", "head=mlp"],
}
FRIENDS = ("lightgcn, friends", "lightgcn, attributes and friends", "social")
SEEDS = (0, 1, 2)
SHOWN = {
    "recall@20": "recall", "ndcg@20": "ndcg", "precision@20": "precision", "f1@20": "F1", "coverage@20": "coverage",
    "revenue@20": "revenue",
}  # fmt: skip


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


def cell(data: str, overrides: list[str], deadline: float) -> dict[str, Any] | None:
    """A run's figures, stored or made; None where there was no time, or somebody else is at it."""
    command = [*SETS[data], *overrides, "threads=1"]
    path = RESULTS / f"{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}.json"
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return stored
    claim = path.with_suffix(".claim")
    if time.monotonic() > deadline:
        return None
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        return None
    try:
        before = _children()
        done = subprocess.run(
            [sys.executable, "-m", "gnnseg.cli", "train", *command], capture_output=True, text=True, timeout=LIMIT
        )
        if done.returncode:
            found: dict[str, Any] = {"command": command, "not run": done.stderr.strip().splitlines()[-1]}
        else:
            record = json.loads((Path(done.stdout.strip()) / "run.json").read_text("utf-8"))
            found = {"command": command, **_kept(record), "cpu_seconds": round(_children() - before, 1)}
    except subprocess.TimeoutExpired:
        found = {"command": command, "not run": f"longer than {LIMIT} s"}
    finally:
        claim.unlink()
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(
        f"{' '.join(command)}: {found.get('not run') or found['metrics'].get('test/ndcg@20')}",
        file=sys.stderr,
        flush=True,
    )
    return found


def _children() -> float:
    """Processor seconds of all commands that have ended: with one thread each, what a run takes on an idle core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    names = ("test/", "valid/ndcg@20", "segment/", "label/")
    return {
        "metrics": {k: v for k, v in record["metrics"].items() if k.startswith(names) and "@10" not in k},
        "popularity": record["baselines"]["popularity"]["test/ndcg@20"],
        "config": {k: record["config"][k] for k in ("encoder", "head", "objective", "features", "optimizer", "trainer")},
        "fingerprint": record["data"]["fingerprint"], "attributes": record["data"]["features"], "hash": record["hash"],
        "numerics": record["numerics"], "parameters": record["parameters"], "seconds": record["seconds"],
        "memory_mb": record["memory_mb"], "device": record["device"], "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": record["versions"],
    }  # fmt: skip


def row(data: str, overrides: list[str], deadline: float) -> list[dict[str, Any] | None]:
    """A model's cells, a seed each."""
    return [cell(data, [*overrides, *seeded(data, seed)], deadline) for seed in SEEDS]


def table(data: str) -> list[str]:
    """A set's rows; figures are means over seeds, ± one standard deviation."""
    head = [
        "model",
        "head",
        *SHOWN.values(),
        "segments a user",
        "ndcg top 3",
        "parameters",
        "CPU s a run",
        "MB",
        "seeds",
    ]
    lines = [f"## {data}", "", "| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    popularity = None
    for name, kind, overrides in models(data):
        cells = row(data, overrides, 0.0)
        done = [c for c in cells if c is not None and "metrics" in c]
        if not done:
            why = next((c["not run"] for c in cells if c is not None and "not run" in c), "no time yet")
            lines.append(f"| {name} | {kind} | not run: {why} |" + " |" * (len(head) - 3))
            continue
        popularity = done[0]["popularity"]
        figures = [_spread([c["metrics"].get(f"test/{m}") for c in done]) for m in SHOWN]
        soft = _spread([c["metrics"].get("segment/segments_per_user") for c in done], 1, False)
        top = _spread([c["metrics"].get("test/ndcg@20/top3") for c in done], 3, False)
        beside = [f"{done[0]['parameters']:,}", f"{statistics.fmean(c['cpu_seconds'] for c in done):.0f}",
                  f"{statistics.fmean(c['memory_mb'] for c in done):.0f}", str(len(done))]  # fmt: skip
        lines.append("| " + " | ".join([name, kind, *figures, soft, top, *beside]) + " |")
    if popularity is not None:
        lines += ["", f"Popularity: ndcg@20 {popularity:.3f}."]
    return [*lines, ""]


def _spread(values: list[float | None], digits: int = 3, deviation: bool = True) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    spread = f" ± {statistics.stdev(known):.{digits}f}" if deviation and len(known) > 1 else ""
    return f"{statistics.fmean(known):.{digits}f}{spread}"


def main(arguments: list[str]) -> None:
    minutes = float(arguments[arguments.index("--minutes") + 1]) if "--minutes" in arguments else float("inf")
    names = [a for a in arguments if a in SETS] or list(SETS)
    deadline = time.monotonic() + 60 * minutes
    RESULTS.mkdir(exist_ok=True)
    for data in names:
        for _, _, overrides in models(data):
            row(data, overrides, deadline)
    said = [
        "Means over seeds ± one standard deviation; k = 20; protocol clean, test read once. `python experiments/attributes/run.py`"
    ]
    (HERE / "results.md").write_text("\n".join([*said, "", *(line for data in SETS for line in table(data))]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
