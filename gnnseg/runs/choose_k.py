"""How many segments: a run for each K, refitted, and one K recommended.

Of each run validation alone is read: ranking from its folder, stability from refits on nine tenths
of every user's training events. A run that stands there is found, and so is a refit that this
question's folder knows: the same command again costs nothing, an interrupted one goes on. Shape
legend: U users, K segments, V validated users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from gnnseg.config import recorded
from gnnseg.data.raw import Raw
from gnnseg.evaluation import evaluator
from gnnseg.evaluation.protocol import Protocol
from gnnseg.evaluation.segments import how_many, stability
from gnnseg.report import choice as report
from gnnseg.rng import Rng
from gnnseg.runs import candidates, choice, refits
from gnnseg.runs import train as pipeline
from gnnseg.runs.candidates import WithoutSegments
from gnnseg.runs.choice import ChosenK
from gnnseg.runs.configured import check_here
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import SCHEMA, identify
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.stored import StoredRun
from gnnseg.training.progress import Counter
from gnnseg.types import Floats, InputError, Segmentation, Split, Strings

Say = Callable[[str], None]
REFITS = 3
LENGTH = 20  # of the lists whose recall and ndcg are compared


@dataclass(frozen=True)
class _Ranked:
    """What validation says of a run.

    The users' ids, their recall@20 (V,), mean ndcg@20, and that through each user's first segment.
    """

    users: Strings
    recall: Floats
    ndcg: float
    ndcg_top1: float | None


def choose(
    config: Mapping[str, Any],
    *,
    segments: Sequence[int] | None = None,
    count: int = REFITS,
    dot: WithoutSegments,
    say: Say = lambda line: None,
    shown: bool = False,
    fresh: bool = False,
    raw: Raw | None = None,
    workers: int | None = None,
) -> ChosenK:
    """Recommend a number of segments, or find that done, or go on with it.

    Args:
        config: The runs, checked; its own head.segments does not matter.
        segments: The K to try; None: ``candidates.GRID``, as far as the data bear it.
        count: R, refits of each run.
        dot: What the price is of.
        say: Where a line goes about what is to be done.
        shown: Whether to show a bar on a terminal, lines about long work elsewhere.
        fresh: Whether to train and refit again what stands there.
        raw: The interactions themselves, where they were handed over in Python (data=given).
        workers: Processes of refits; None: as ``refits.fit`` chooses.

    Raises:
        InputError: Something that the user can mend.
        Interrupted: Somebody asked to stop; the same call goes on.
    """
    candidates.refuse(config, count)
    split = pipeline.read(config, say, raw)
    numbers = candidates.grid(segments, split, int(config["head"].get("top") or 0))
    configs = {k: candidates.with_segments(config, k) for k in numbers}
    for each in configs.values():
        check_here(each)
    folder = _folder(config, split)
    trainings = len(numbers) + (dot.config is not None)
    say(
        f"K = {', '.join(map(str, numbers))}: {trainings} trainings and {count * len(numbers)} "
        f"refits, as far as they are not there; {folder.path}"
    )
    total = trainings + count * len(numbers)
    with folder.locked(), Counter("choose-k", total, shown=shown, say=say) as bar:
        done = _Done(bar, total)
        runs = {k: done.trained(each, fresh, raw) for k, each in configs.items()}
        beside = None if dot.config is None else done.trained(dot.config, fresh, raw)
        asked = {"segments": numbers, "refits": count, "share": refits.SHARE}
        found = None if fresh else choice.stored(folder.path)
        mine = [runs[k].name for k in numbers] + [None if beside is None else beside.name]
        same = found is not None and (found["asked"], found["dot"]["why"]) == (asked, dot.why)
        if found is None or not same or _names(found) != mine:
            refitted = _refitted(runs, count, folder, done, workers, fresh)
            _conclude(config, split, asked, runs, refitted, beside, dot.why, folder)
    return ChosenK.load(folder.path)


class _Done:
    """Counts trainings and refits as they are done."""

    def __init__(self, bar: Counter, total: int) -> None:
        self._bar, self._total, self._done = bar, total, 0

    def one(self) -> None:
        """Count one more."""
        self._done += 1
        self._bar(self._done, self._total)

    def trained(self, config: Mapping[str, Any], fresh: bool, raw: Raw | None) -> StoredRun:
        """Train a run or find it; what it says of itself, test figures among it, is not shown."""
        result = pipeline.train(config, say=lambda line: None, fresh=fresh, raw=raw, progress=False)
        self.one()
        return StoredRun(result.path)


def _folder(config: Mapping[str, Any], split: Split) -> RunFolder:
    """Return this question's folder; refuse data without validation."""
    if not len(split.valid):
        raise InputError(
            f"{split.name}: the split holds no validation pairs to choose K by; set, for example, "
            "split.ratios=[0.8,0.1,0.1]."
        )
    asked = len(np.intersect1d(split.valid.user, split.train.user))
    if asked < 2:
        raise InputError(
            f"{split.name}: {asked} of the validated users have a training pair, and recall takes "
            "two to compare K by; use another split or more data."
        )
    root = Path(config["runs"]["root"]).expanduser().absolute()
    return RunFolder(
        root / f"choose-k-{identify(candidates.with_segments(config, 0), split.fingerprint).name}"
    )


def _names(record: Mapping[str, Any]) -> list[str | None]:
    return [*(row["run"] for row in record["rows"]), record["dot"]["run"]]


def _refitted(
    runs: Mapping[int, StoredRun], count: int, folder: RunFolder, done: _Done, workers: int | None,
    fresh: bool,
) -> pl.DataFrame:  # fmt: skip
    """Return all refits asked for, a row each; each is stored as it comes."""
    known = choice.known_refits(folder)
    if fresh:
        known = known.clear()
    there = set(known.select("run", "refit").rows())
    wanted = [(k, run, n) for k, run in runs.items() for n in range(1, count + 1)]
    todo = [(k, run, n) for k, run, n in wanted if (run.name, n) not in there]
    for _ in range(len(wanted) - len(todo)):
        done.one()
    fitted = refits.fit_all([(run, "events", n) for _, run, n in todo], workers=workers)
    for (k, run, n), each in zip(todo, fitted, strict=True):
        rng = Rng(int(run.config["seed"])).child("stability").child("events").at(n)
        found = stability.compare(_memberships(run), each.alpha, rng)
        row = (run.name, k, n, found.soft, found.ari, found.jaccard.tolist())
        known = known.vstack(pl.DataFrame([row], schema=choice.REFITS, orient="row"))
        folder.write_parquet("refits.parquet", known)
        done.one()
    return known.filter(pl.col("refit") <= count)


def _memberships(run: StoredRun) -> Floats:
    """Return alpha (U,K), NaN in the rows of who is in no segment."""
    placed = run.frame("segments")["reason"].is_null().to_numpy()
    return np.where(placed[:, None], run.tensor("alpha").double().numpy(), np.nan)


def _ranked(run: StoredRun) -> _Ranked:
    """Rank validation by a run's folder, users without training left out as everywhere."""
    was, split = run.config["evaluation"], run.split()
    rules = Protocol(
        protocol=was["protocol"], seen=was["seen"], ks=[LENGTH], metrics=["recall", "ndcg"]
    )
    task, train, cpu = rules.valid_task(split), rules.training_pairs(split), torch.device("cpu")
    found = evaluator.rank(run.scorer, task, rules, train, cpu)
    warm = ~np.asarray(found.per_user["cold"], dtype=bool)
    first = None
    if isinstance(run.scorer, Segmentation):
        through = evaluator.rank(run.scorer.truncated(1), task, replace(rules), train, cpu)
        first = through.metrics[f"ndcg@{LENGTH}"]
    return _Ranked(
        split.users.ids[found.per_user["user"][warm]],
        np.asarray(found.per_user[f"recall@{LENGTH}"][warm], dtype=np.float64),
        found.metrics[f"ndcg@{LENGTH}"],
        first,
    )


def _conclude(
    config: Mapping[str, Any],
    split: Split,
    asked: Mapping[str, Any],
    runs: Mapping[int, StoredRun],
    refitted: pl.DataFrame,
    beside: StoredRun | None,
    why: str | None,
    folder: RunFolder,
) -> None:
    """Rank, apply the rule, and write the choice."""
    ranked = {k: _ranked(run) for k, run in runs.items()}
    dot = None if beside is None else _ranked(beside).ndcg
    rows = [_row(k, run, ranked[k], refitted, dot) for k, run in runs.items()]
    found = how_many.recommend(
        [how_many.Candidate(k, ranked[k].recall, row["jaccard"]) for k, row in zip(runs, rows)]
    )
    for row, gap in zip(rows, found.behind, strict=True):
        near = row["segments"] in found.near
        row |= {"behind": gap.mean, "behind_se": gap.error, "near": near}
    plain = recorded(candidates.with_segments(config, 0))
    plain["head"].pop("segments")
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "numerics": NUMERICS,
        "name": folder.path.name,
        "data": {"name": split.name, "fingerprint": split.fingerprint},
        "users": len(ranked[found.best].recall),
        "asked": asked,
        "rule": {"jaccard": how_many.JACCARD, "errors": 1},
        "recommended": found.segments,
        "stable": found.stable,
        "best": found.best,
        "error": found.error,
        "dot": {"run": None if beside is None else beside.name, "ndcg": dot, "why": why},
        "rows": [{name: _plain(row[name]) for name in choice.ROWS} for row in rows],
        "config": plain,
    }
    record |= {"reason": report.reason(record), "notes": report.notes(record)}
    users = ranked[found.best].users
    choice.store(folder, record, users, {k: each.recall for k, each in ranked.items()})


def _row(
    k: int, run: StoredRun, ranked: _Ranked, refitted: pl.DataFrame, dot: float | None
) -> dict[str, Any]:
    """Return the figures of one K, but for how far it is behind the best."""
    mine = refitted.filter(pl.col("run") == run.name)
    by_segment = np.array(mine["jaccard"].to_list()).mean(0)
    alpha = _memberships(run)
    return {
        "segments": k,
        "run": run.name,
        "recall": float(ranked.recall.mean()),
        "recall_se": how_many.standard_error(ranked.recall),
        "ndcg": ranked.ndcg,
        "ndcg_top1": ranked.ndcg_top1,
        "price": None if not dot else ranked.ndcg / dot,
        "soft": _mean(mine["soft"]),
        "ari": _mean(mine["ari"]),
        "jaccard": float(np.median(by_segment)),
        "jaccard_min": float(by_segment.min()),
        "largest_alpha": float(np.nanmean(alpha.max(1))),
        **{
            name: run.metrics[f"segment/{name}"]
            for name in ("segments_per_user", "effective_k", "largest_share")
        },
        "seconds": float(run.record["seconds"]["train"]),
    }


def _mean(values: pl.Series) -> float | None:
    """Return the mean of what is defined; None where nothing is."""
    known = values.drop_nulls().drop_nans()
    return None if known.is_empty() else float(known.to_numpy().mean())


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: null where a figure is not defined."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
