"""Several modalities: titles, tags and given vectors of items, alone and together, for items known
and items never met.

usage: python experiments/modalities/run.py [SET ...]          (finished runs are found again) A
tenth of the items is held out of training altogether, all their events with them; the rest is split
8:1:1. Warm: the others' test pairs, ranked among the items met in training. Cold: the held-out
items' pairs, ranked among the held-out items alone. Negatives come from the batch's own pairs, so
that nobody learns that what was held out is never taken. Data come from GNNSEG_DATA. Writes
experiments/modalities/results.json and results.md. Runs go to GNNSEG_RUNS, else ./runs.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg import config
from gnnseg.data.raw import Raw
from gnnseg.data.sets import lastfm, movielens
from gnnseg.data.sets.fetching import Place
from gnnseg.data.sets.planted import Planted
from gnnseg.evaluation import ranking
from gnnseg.rng import Rng
from gnnseg.runs import environment, identity, loading
from gnnseg.runs import train as pipeline
from gnnseg.sparse import Csr
from gnnseg.types import Scorer

HERE = Path(__file__).resolve().parent
SEEDS = (0, 1, 2)  # of what is held out, of the split, of the run, and of the planted draw
HELD_OUT = 0.1
WIDTH = 32  # of the given vectors
IMAGE, SOUND = 2.0, 1.5  # signals of the planted vectors
TEXT = {"title": "text=[title]"}  # read as text
MODALITIES = {
    "planted": ["image", "sound"],
    "ml-100k": ["title", "genres", "vectors"],
    "lastfm-2k": ["title", "tags", "vectors"],
}
WORDS = {"title": "titles", "vectors": "given vectors"}
BASE = [
    "data=given",
    "split=given",
    "head=dot",
    "head.tau=0.12",
    "encoder.dim=64",
    "optimizer.lr=0.01",
    "objective.sampling=in_batch",
    "objective.negatives=256",
    "encoder=lightgcn",
    "threads=1",
]
SHOWN = ("recall@20", "ndcg@20")


def read(name: str, seed: int) -> Raw:
    if name == "planted":
        return Planted(
            preset="easy", users=1000, items=1000, segments=8, interactions=20000, seed=seed,
            image_signal=IMAGE, sound_signal=SOUND,
            category_signal=1.0,
        ).draw()  # fmt: skip
    composed = config.compose([f"data={name}"])
    place = Place(
        Path(composed["data"]["root"]).expanduser().absolute(),
        environment.cache_root(composed),
        lambda line: None,
    )
    reader = {"ml-100k": movielens.MovieLens100K, "lastfm-2k": lastfm.LastFM2K}[name]()
    return reader.read(place, name)


def hold_out(raw: Raw, seed: int) -> tuple[Raw, set[str]]:
    """The same events in three parts, and the ids of the items that are in the test alone."""
    g = Rng(seed).numpy("held out")
    ids = raw.events["item"].unique().sort()
    cold = ids.gather(np.sort(g.permutation(len(ids))[: int(HELD_OUT * len(ids))]))
    part = g.choice(3, len(raw.events), p=[0.8, 0.1, 0.1]).astype(np.int8)
    part[raw.events["item"].is_in(cold.implode()).to_numpy()] = 2
    events = raw.events.with_columns(part=pl.Series(part))
    return replace(raw, events=events, relations=(), social=None), set(cold)


def vectors(raw: Raw, folder: Path) -> str:
    """Items' vectors by what they are linked to, whoever took them: singular vectors of log(1 +
    links) times idf, rows of length 1.

    ml-100k: a film's neighbours in the knowledge graph, by relation; lastfm-2k: all tags ever given
    to an artist, by how often.
    """
    from scipy.sparse import csr_array, diags_array
    from sklearn.utils.extmath import randomized_svd

    linked = {r.name: r for r in raw.relations}
    if "tagged with" in linked:
        links = linked["tagged with"].edges.select(item="source", of="target")
    else:
        own = linked["is"].edges.select(item="source", entity="target")
        both = [
            own.join(r.edges.select(entity=near, of=pl.format(f"{r.name} {{}}", far)), on="entity")
            for r in raw.relations
            if r.source_kind == r.target_kind == "entity"
            for near, far in (("source", "target"), ("target", "source"))
        ]
        links = pl.concat(both).select("item", "of")
    counted = links.group_by("item", "of").len().sort("item", "of")
    items, what = counted["item"].unique().sort(), counted["of"].unique().sort()
    row, column = (
        counted[side].cast(pl.Enum(values)).to_physical().to_numpy()
        for side, values in (("item", items), ("of", what))
    )
    matrix = csr_array(
        (np.log1p(counted["len"].to_numpy()), (row, column)), shape=(len(items), len(what))
    )
    idf = np.log(len(items) / np.bincount(column, minlength=len(what)))
    left, s, _ = randomized_svd(csr_array(matrix @ diags_array(idf)), WIDTH, random_state=0)
    found = left * s
    folder.mkdir(parents=True, exist_ok=True)
    np.save(
        folder / "vectors.npy",
        found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12),
    )
    (folder / "vectors.ids.txt").write_text("\n".join(items) + "\n", "utf-8")
    return str(folder / "vectors.npy")


@dataclass(frozen=True)
class Among:
    """A scorer whose catalogue is some of the items."""

    scorer: Scorer
    items: Tensor

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        return self.scorer.block(users, self.items if items is None else self.items[items])


@dataclass(frozen=True)
class Chance:
    """Scores by lot."""

    scores: Tensor

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        return self.scores[users] if items is None else self.scores[users][:, items]


def judge(path: Path, cold_ids: set[str], seed: int) -> dict[str, dict[str, float]]:
    """recall and ndcg of the warm and of the cold test pairs; and of cold ones by lot. Users
    without training are left out."""
    items = (
        pl.read_parquet(path / "ids.parquet").filter(pl.col("kind") == "item").sort("index")["id"]
    )
    cold_I = items.is_in(list(cold_ids)).to_numpy()
    with np.load(path / "seen.npz") as stored:
        user, item, part = stored["user"], stored["item"], stored["part"]
    assert not cold_I[item[part < 2]].any(), "an item held out was trained on"
    scorer, users = loading.scorer_of(path), int(user.max()) + 1
    nobody = torch.from_numpy(np.bincount(user[part == 0], minlength=users) == 0)
    counts = np.bincount(item[part == 0], minlength=len(items))
    found = {}
    for name, chosen in (("warm", ~cold_I), ("cold", cold_I), ("by lot", cold_I)):
        place = np.cumsum(chosen) - 1
        met = chosen[item] & (part < 2)
        asked = np.setdiff1d(
            (user * len(items) + item)[chosen[item] & (part == 2)], (user * len(items) + item)[met]
        )
        shape = (users, int(chosen.sum()))
        relevant = Csr.of(asked // len(items), place[asked % len(items)], shape)
        mask = Csr.of(user[met], place[item[met]], shape) if met.any() else None
        drawn = torch.rand(shape, generator=Rng(seed).torch("by lot")) if name == "by lot" else None
        rows = (
            Among(scorer, torch.from_numpy(np.flatnonzero(chosen)))
            if drawn is None
            else Chance(drawn)
        )
        with torch.no_grad():
            result = ranking.evaluate(
                rows,
                relevant,
                mask,
                ks=[20],
                item_counts=torch.from_numpy(counts[chosen]),
                cold=nobody,
            )
        found[name] = {m: result.metrics[m] for m in SHOWN} | result.counts
    return found


def arms(name: str) -> dict[str, list[str]]:
    """What is read of items; of users only how much they take, so that items say all else."""

    def features(*chosen: str) -> list[str]:
        text = [one for one in chosen if one in TEXT]
        return [
            f"features.only=[frequency,{','.join(chosen)}]",
            f"features.text=[{','.join(text)}]",
        ]

    each = MODALITIES[name]
    found: dict[str, list[str]] = {"nothing": [], "nothing, init=normal": ["encoder.init=normal"]}
    found |= {
        f"{WORDS.get(one, one)}, alone": ["encoder.attributes=alone", *features(one)]
        for one in each
    }
    if name == "planted":  # as good as it gets: each item's home, without error
        found["category (the home itself), alone"] = [
            "encoder.attributes=alone",
            *features("category"),
        ]
    found["all, alone"] = ["encoder.attributes=alone", *features(*each)]
    found["all, beside"] = ["encoder.attributes=beside", *features(*each)]
    found["all, beside, init=normal"] = [*found["all, beside"], "encoder.init=normal"]
    return found


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.fmean(values), 5),
        "std": round(statistics.stdev(values), 5),
        "n": len(values),
    }


def measure(name: str) -> dict[str, Any]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for seed in SEEDS:
        raw = read(name, seed)
        parts, cold = hold_out(raw, seed)
        given = []
        if "vectors" in MODALITIES[name]:
            root = Path(config.compose([])["runs"]["root"]).expanduser().absolute()
            given = [f"features.item_vectors={vectors(raw, root / '.vectors' / name)}"]
        for arm, overrides in arms(name).items():
            vector = given if any("vectors" in one for one in overrides) else []
            composed = config.compose([*BASE, f"seed={seed}", *overrides, *vector])
            composed["data"]["name"] = f"{name}-{seed}"
            config.check(composed)
            path = pipeline.train(composed, raw=parts, say=lambda line: None, progress=False).path
            record = json.loads((path / "run.json").read_text("utf-8"))
            rows.setdefault(arm, []).append(
                judge(path, cold, seed)
                | {"columns": record["data"]["features"], "seconds": record["seconds"]["total"]}
            )
    figures: dict[str, Any] = {
        arm: {
            where: {m: spread([run[where][m] for run in runs]) for m in SHOWN}
            for where in ("warm", "cold", "by lot")
        }
        | {"columns": runs[0]["columns"], "seconds": spread([run["seconds"] for run in runs])}
        for arm, runs in rows.items()
    }
    return {"figures": figures, "runs": rows}


def table(results: Mapping[str, Any]) -> str:
    lines = [
        "| set | of items is read | warm recall@20 | warm ndcg@20 | cold recall@20 | cold ndcg@20 "
        "| cold ndcg@20, by lot |"
    ]
    lines.append("|---|---|" + "---:|" * 5)

    def show(node: Mapping[str, float]) -> str:
        return f"{node['mean']:.4f} ± {node['std']:.4f}"

    for name in MODALITIES:
        for arm, f in results.get(name, {}).get("figures", {}).items():
            cells = [
                "" if "nothing" in arm and where == "cold" else show(f[where][m])
                for where in ("warm", "cold")
                for m in SHOWN
            ]  # without attributes cold items are all alike
            cells.append(show(f["by lot"]["ndcg@20"]))
            lines.append(f"| {name} | {arm} | " + " | ".join(cells) + " |")
    lines += [
        "",
        (
            f"Mean ± standard deviation over {len(SEEDS)} seeds (what is held out, split, run; "
            "planted: the set drawn too)."
        ),
    ]
    return "\n".join(lines) + "\n"


def main(*names: str) -> None:
    path = HERE / "results.json"
    for name in names or tuple(MODALITIES):
        found = measure(name) | {
            "machine": f"{platform.machine()}, one thread",
            "versions": identity.versions(),
            "measured": time.strftime("%Y-%m-%d"),
        }
        results = {**(json.loads(path.read_text("utf-8")) if path.exists() else {}), name: found}
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (HERE / "results.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
