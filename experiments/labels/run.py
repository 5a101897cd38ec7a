"""Node classification with users held out: the term `regularisers.labels` beside logistic
regression and the majority class.

usage: python experiments/labels/run.py [TASK ...]     (all tasks without an argument; finished
cells are found again) Data come from GNNSEG_DATA; runs go to GNNSEG_RUNS, else ./runs. Writes
results.json and results.md beside this file.

Of the labelled users 5 % or 50 % are told, drawn within each class by the seed; the others are the
test. Weights (and logistic regression's C) are chosen on validation: with seed 0, four fifths of
the told are told, and the accuracy on the last fifth is averaged over the two tasks of ml-100k
(whose runs are short), so that one setting a model and share is chosen, which completejourney takes
over. Then everybody told is told, seeds 0, 1, 2, and the test is read once. The draws are nested:
who is told at a share is told at every larger one.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file

from gnnseg import config
from gnnseg.config import build
from gnnseg.data.labels import Labelled, tell
from gnnseg.evaluation.labels import accuracy, macro_f1, majority
from gnnseg.rng import Rng
from gnnseg.runs import inputs
from gnnseg.runs import train as pipeline
from gnnseg.types import Split

HERE = Path(__file__).resolve().parent
RUNS = os.environ.get("GNNSEG_RUNS", "./runs")
SEEDS, SHARES, VALID = (0, 1, 2), (0.05, 0.5), 0.8
COMMON = ["threads=1", "trainer.max_epochs=60", "trainer.eval_every=30"]
DATA = {
    "ml-100k": ["data=ml-100k"],
    "completejourney": ["data=completejourney", "data.level=product_type"],
}
TASKS = {
    "ml-100k gender": ("ml-100k", "gender"),
    "ml-100k occupation": ("ml-100k", "occupation"),
    "completejourney income": ("completejourney", "income"),
    "completejourney age": ("completejourney", "age"),
}
ENCODERS = {
    "lightgcn": ["encoder=lightgcn"],
    "lightgcn beside attributes": ["encoder=lightgcn", "encoder.attributes=beside"],
    "linear": ["encoder=linear"],
}
CHOSEN_ON = ("ml-100k gender", "ml-100k occupation")
WEIGHTS, STRENGTHS = (0.3, 3.0), (0.01, 0.1, 1.0)
Said = Callable[[str, float, int, float], tuple[np.ndarray[Any, Any], float]]


READ = pipeline.read


@cache
def split_of(data: str) -> Split:
    return READ(config.compose(DATA[data]), lambda line: None)


@cache
def labelled(task: str, share: float, seed: int) -> Labelled:
    data, column = TASKS[task]
    return tell(
        split_of(data).user_table, column, share, Rng(seed).child("labels"), "regularisers.labels"
    )


def overrides(task: str, encoder: str, readout: str, share: float, weight: float) -> list[str]:
    """One cell's settings but the seed; read from alpha, each class is a segment and there are no
    more."""
    data, column = TASKS[task]
    classes = len(labelled(task, 0.05, 0).classes)
    return [
        *DATA[data],
        *ENCODERS[encoder],
        *([f"head.segments={classes}"] if readout == "alpha" else []),
        f"regularisers.labels.weight={weight:g}",
        f"regularisers.labels.column={column}",
        f"regularisers.labels.share={share:g}",
        f"regularisers.labels.readout={readout}",
        *COMMON,
    ]


def train(settings: list[str]) -> Path:
    """The run of `gnnseg train` with these settings, in one process, where a set is read once."""
    composed = config.compose([*settings, f"runs.root={RUNS}"])
    config.check(composed)
    pipeline.read = lambda config, say, raw=None: split_of(config["data"]["name"])
    return pipeline.train(composed, say=lambda line: None, progress=False).path


def ours(encoder: str, readout: str) -> Said:
    """Everybody's class as a run says it."""

    def said(
        task: str, share: float, seed: int, weight: float
    ) -> tuple[np.ndarray[Any, Any], float]:
        path = train([*overrides(task, encoder, readout, share, weight), f"seed={seed}"])
        place = {name: at for at, name in enumerate(labelled(task, share, seed).classes)}
        frame = pl.read_parquet(path / "labels.parquet")
        record = json.loads((path / "run.json").read_text("utf-8"))
        return np.array([place[name] for name in frame["predicted"]]), record["metrics"][
            "test/ndcg@20"
        ]

    return said


@cache
def attributes(task: str) -> np.ndarray[Any, Any]:
    """(U,F): the features that encoders read, without the label's column."""
    split = split_of(TASKS[task][0])
    composed = config.compose(overrides(task, "linear", "linear", 0.5, 1.0))
    fitted = build(composed["evaluation"]).training_pairs(split)
    matrix = inputs.of(composed, split, fitted, lambda line: None).features.user
    assert matrix is not None
    return matrix.numpy()


def embeddings(task: str, seed: int) -> np.ndarray[Any, Any]:
    """(U,D) of a run that knows no labels, each dimension scaled."""
    path = train([*DATA[TASKS[task][0]], "encoder=lightgcn", *COMMON, f"seed={seed}"])
    user_UD = load_file(path / "scores.safetensors")["user"]
    return (user_UD - user_UD.mean(0)) / np.maximum(user_UD.std(0), 1e-9)


def regression(kind: str) -> Said:
    """Logistic regression on attributes, or on frozen embeddings."""

    def said(
        task: str, share: float, seed: int, strength: float
    ) -> tuple[np.ndarray[Any, Any], float]:
        from sklearn.linear_model import LogisticRegression

        x, known = (
            attributes(task) if kind == "attributes" else embeddings(task, seed),
            labelled(task, share, seed),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LogisticRegression(C=strength, max_iter=500).fit(
                x[known.observed], known.label[known.observed]
            )
        return model.predict(x), float("nan")

    return said


def most(task: str, share: float, seed: int, setting: float) -> tuple[np.ndarray[Any, Any], float]:
    known = labelled(task, share, seed)
    return np.full(len(known.label), majority(known.label[known.observed])), float("nan")


MODELS: dict[str, tuple[Said, tuple[float, ...]]] = {
    **{f"{e}, {r}": (ours(e, r), WEIGHTS) for e in ENCODERS for r in ("alpha", "linear")},
    "logistic regression on attributes": (regression("attributes"), STRENGTHS),
    "logistic regression on frozen embeddings": (regression("frozen"), STRENGTHS),
    "majority class": (most, (0.0,)),
}


def valid(model: str, task: str, share: float, setting: float) -> float:
    """Accuracy on the last fifth of those told, by a model that was told the others; seed 0."""
    said, _ = MODELS[model][0](task, round(share * VALID, 4), 0, setting)
    whole, part = labelled(task, share, 0), labelled(task, round(share * VALID, 4), 0)
    held = whole.observed & ~part.observed
    return accuracy(whole.label[held], said[held])


def test(model: str, task: str, share: float, setting: float) -> dict[str, Any]:
    found = []
    for seed in SEEDS:
        said, ndcg = MODELS[model][0](task, share, seed, setting)
        known = labelled(task, share, seed)
        held = known.held_out
        found.append(
            (accuracy(known.label[held], said[held]), macro_f1(known.label[held], said[held]), ndcg)
        )
    names = ("accuracy", "macro_f1", "ndcg@20")
    figures = {
        n: _spread([row[at] for row in found])
        for at, n in enumerate(names)
        if found[0][at] == found[0][at]
    }
    command = None
    if model.endswith((", alpha", ", linear")):
        encoder, readout = model.rsplit(", ", 1)
        command = " ".join(
            ["gnnseg train -m", *overrides(task, encoder, readout, share, setting), "seed=0,1,2"]
        )
    told = labelled(task, share, 0).account()
    return {
        "setting": setting,
        **figures,
        "command": command,
        "told": told["told"],
        "held_out": told["held_out"],
        "measured": time.strftime("%Y-%m-%d"),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": round(statistics.fmean(values), 4), "std": round(statistics.stdev(values), 4)}


def table(results: dict[str, Any]) -> str:
    """The test's figures as Markdown, a table a share."""
    lines = []
    for share in SHARES:
        lines += [f"{share:.0%} of the labelled users told: accuracy / macro-F1 on the others", ""]
        counts = {
            t: r
            for t in TASKS
            for k, r in results["test"].items()
            if k.startswith(f"{share:g} | {t} |")
        }
        heads = [
            f"{t} ({counts[t]['told']} told, {counts[t]['held_out']} judged)" if t in counts else t
            for t in TASKS
        ]
        lines += [f"| | setting | {' | '.join(heads)} |", "|---|---:|" + "---:|" * len(TASKS)]
        for model in MODELS:
            cells, setting = [], ""
            for task in TASKS:
                cell = results["test"].get(f"{share:g} | {task} | {model}")
                if cell is None:
                    cells.append("not run")
                    continue
                a, f = cell["accuracy"], cell["macro_f1"]
                cells.append(f"{a['mean']:.3f} ± {a['std']:.3f} / {f['mean']:.3f} ± {f['std']:.3f}")
                setting = f"{cell['setting']:g}" if model != "majority class" else ""
            lines.append(f"| {model} | {setting} | {' | '.join(cells)} |")
        lines.append("")
    lines.append(
        "Mean ± standard deviation, seeds 0, 1, 2; setting: the term's weight or C, chosen on "
        "validation. Commands: results.json."
    )
    return "\n".join(lines) + "\n"


def main(tasks: list[str]) -> None:
    path = HERE / "results.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {"valid": {}, "test": {}}

    def cell(part: str, key: str, measure: Callable[..., Any], *given: Any) -> Any:
        if key not in results[part]:
            begun = time.process_time()
            results[part][key] = measure(*given)
            print(
                f"{part} {key}: {results[part][key]} ({time.process_time() - begun:.1f} s)",
                file=sys.stderr,
                flush=True,
            )
            path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
            (HERE / "results.md").write_text(table(results), "utf-8")
        return results[part][key]

    # ml-100k first, whose runs are short
    for data in DATA:
        for share in SHARES:
            for model, (_, settings) in MODELS.items():
                scores = {}
                for s in settings if len(settings) > 1 else ():
                    found = [
                        cell(
                            "valid", f"{share:g} | {t} | {model} | {s:g}", valid, model, t, share, s
                        )
                        for t in CHOSEN_ON
                    ]
                    scores[s] = statistics.fmean(found)
                setting = min(settings, key=lambda s, scores=scores: (-scores.get(s, 0.0), s))
                for task in tasks or TASKS:
                    if TASKS[task][0] == data:
                        cell(
                            "test",
                            f"{share:g} | {task} | {model}",
                            test,
                            model,
                            task,
                            share,
                            setting,
                        )
    (HERE / "results.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
