"""What lastfm-2k's tags, an attribute of artists, tell of held-out pairs: counted over all
taggings, and without theirs.

usage: python experiments/attributes/tags.py        (data in GNNSEG_DATA, runs in GNNSEG_RUNS, else
./runs) The set is copied aside without the taggings of pairs that the split holds out, and the
models that read tags are run on both. Writes tags.json and tags.md beside this file. Protocol
clean, split.seed as the seed; typed edges of tags are not read here (the split itself leaves out
those that tell of held-out pairs).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.types import Split

HERE = Path(__file__).resolve().parent
SEEDS = (0, 1, 2)
MODELS = {
    "dnn, segments": ["encoder=dnn", "head=segments"],
    "lightgcn, attributes beside, dot": [
        "encoder=lightgcn",
        "encoder.attributes=beside",
        "head=dot",
        "head.tau=0.12",
        "encoder.dim=64",
    ],
    "lightgcn, attributes alone, dot": [
        "encoder=lightgcn",
        "encoder.attributes=alone",
        "head=dot",
        "head.tau=0.12",
        "encoder.dim=64",
    ],
}
FILE = "user_taggedartists.dat"


def train(overrides: list[str]) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "gnnseg", "train", *overrides, "threads=1"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    record = json.loads((Path(done.stdout.strip()) / "run.json").read_text("utf-8"))
    return float(record["metrics"]["test/ndcg@20"])


def without(source: Path, target: Path, split: Split) -> int:
    """The set at ``target`` without the taggings of held-out pairs; how many these are."""
    shutil.copytree(source, target)
    held = {
        (str(split.users.ids[user]), str(split.items.ids[item]))
        for part in (split.valid, split.test)
        for user, item in zip(part.user, part.item, strict=True)
    }
    head, *rows = (source / FILE).read_text("utf-8").splitlines()
    kept = [row for row in rows if tuple(row.split("\t")[:2]) not in held]
    (target / FILE).write_text("\n".join([head, *kept]) + "\n", "utf-8")
    return len(rows) - len(kept)


def main() -> None:
    root = Path(os.environ.get("GNNSEG_DATA", "./data"))
    found: dict[str, dict[str, list[float]]] = {name: {"all": [], "without": []} for name in MODELS}
    taggings = []
    for seed in SEEDS:
        at = ["data=lastfm-2k", f"seed={seed}", f"split.seed={seed}"]
        split = pipeline.read(config.compose(at), lambda line: None)
        with tempfile.TemporaryDirectory() as aside:
            taggings.append(without(root / "lastfm-2k", Path(aside) / "lastfm-2k", split))
            for name, model in MODELS.items():
                found[name]["all"].append(train([*at, *model]))
                found[name]["without"].append(train([*at, *model, f"data.root={aside}"]))
                print(
                    name,
                    seed,
                    {key: values[-1] for key, values in found[name].items()},
                    file=sys.stderr,
                )
    (HERE / "tags.json").write_text(
        json.dumps({"taggings": taggings, **found}, indent=1) + "\n", "utf-8"
    )
    lines = [
        f"lastfm-2k, ndcg@20, means of seeds {SEEDS}; without the taggings of held-out pairs "
        f"({taggings} of them). "
        "`python experiments/attributes/tags.py`",
        "", "| model | tags of all taggings | without | difference, by seed |",
        "|---|---:|---:|---|",
    ]  # fmt: skip
    for name, values in found.items():
        means = [statistics.fmean(values[key]) for key in ("all", "without")]
        apart = ", ".join(
            f"{a - b:+.4f}" for a, b in zip(values["all"], values["without"], strict=True)
        )
        lines.append(f"| {name} | {means[0]:.4f} | {means[1]:.4f} | {apart} |")
    (HERE / "tags.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
