"""What became of an earlier run's segments in one that starts from it (``segments.since``).

Shape legend: U users here, C users with training pairs in both, L earlier segments, K of here, R
refits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data import resampling, visits
from gnnseg.evaluation.segments import hard, through_time
from gnnseg.evaluation.segments.through_time import Noise
from gnnseg.models.heads import NumberedHead
from gnnseg.models.model import Model
from gnnseg.runs import durable, environment, inputs, loading, moves
from gnnseg.runs.assembly import assemble
from gnnseg.runs.durable import Durable
from gnnseg.runs.earlier import EarlierRun
from gnnseg.runs.fitting import finished, fit_in_memory
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import Identity
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job
from gnnseg.runs.refits import SHARE
from gnnseg.runs.stored import StoredRun
from gnnseg.types import Embeddings, Ints, Pairs, Segmentation, Split

Refit = Callable[[Pairs, int], Tensor]  # training pairs, number of the refit -> alpha (U,K)


@dataclass(frozen=True, kw_only=True)
class Through:
    """What became of the earlier segments.

    Args:
        segments: the segments of here, in their order.
        moves: moves.parquet.
        moved: moved.parquet.
        record: run.json's ``since``.
        metrics: segment/kept, and segment/moved_by_refit where there were refits.
        warnings: drift and leaks, a sentence each.
    """

    segments: list[Durable]
    moves: pl.DataFrame
    moved: pl.DataFrame
    record: dict[str, Any]
    metrics: dict[str, float]
    warnings: list[str]


@dataclass(frozen=True)
class _Common:
    """Users with training pairs in both runs: where they are here, and where they were (from 0)."""

    here: Ints
    then: Ints
    alpha_CL: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def was(self) -> Ints:
        return np.asarray(self.alpha_CL.argmax(1), dtype=np.int64)


def follow(
    earlier: EarlierRun,
    job: Job,
    model: Model,
    embeddings: Embeddings,
    refit: Refit,
) -> Through:
    """Match a trained model's segments to the earlier ones, renumber them so, and say what changed.

    Args:
        earlier: The run it started from.
        job: The run of here.
        model: Trained and finished; its segments are put in the earlier order.
        embeddings: Its embeddings.
        refit: Trains again on other pairs, from the same start, with another seed; it says how many
            would move by a refit alone.
    """
    then = pairs_of(earlier.run)
    common = _common(earlier, job, then)
    scorer = model.score(embeddings)
    assert isinstance(scorer, Segmentation)
    alpha_UK = _numpy(scorer.alpha)
    members_LK = through_time.jaccard(common.alpha_CL, alpha_UK[common.here])
    matched = through_time.match(members_LK, _tastes(earlier, job.plan.split, scorer))
    if isinstance(model.head, NumberedHead) and not model.numbered_by_labels:
        order = through_time.numbering(matched, alpha_UK.shape[1])
        model.head.renumber(torch.from_numpy(order).to(embeddings.user_UD.device))
        alpha_UK = alpha_UK[:, order]
        place = {int(k): at for at, k in enumerate(order)}
        matched = {was: place[now] for was, now in matched.items()}
    now_C = hard(torch.from_numpy(alpha_UK))[common.here]
    noise = _noise(earlier, job, common, then, matched, alpha_UK.shape[1], refit)
    return _told(earlier, job, common, now_C, matched, alpha_UK.shape[1], noise)


def through(
    before: EarlierRun | None,
    job: Job,
    given: Inputs,
    model: Model,
    embeddings: Embeddings,
    epochs: int,
) -> Through | None:
    """Follow the segments of the run that this one started from; None where it started from none.

    Args:
        before: That run.
        job: The run of here.
        given: What its model is given.
        model: Trained and finished.
        embeddings: Its embeddings.
        epochs: After how many its weights were best.
    """
    if before is None:
        return None
    return follow(before, job, model, embeddings, refits_of(before, job, given, epochs))


def note(through: Through | None, record: dict[str, Any]) -> None:
    """Write into a record, run.json, what became of the earlier segments."""
    if through is not None:
        record["since"] = through.record
        record["metrics"] |= through.metrics
        record["alarms"] = [*record["alarms"], *through.warnings]


def store(through: Through | None, folder: RunFolder, identity: Identity) -> None:
    """Write moves.parquet, moved.parquet and the segments' ids; of a first run they are born."""
    if not folder.file("groups.parquet").exists():
        return
    if through is None:
        numbers = pl.read_parquet(folder.file("groups.parquet"), columns=["segment"])["segment"]
        durable.write(
            folder, [durable.born(identity.digest, identity.name, k) for k in sorted(numbers)]
        )
        return
    durable.write(folder, through.segments)
    folder.write_parquet("moves.parquet", through.moves)
    folder.write_parquet("moved.parquet", through.moved)


def refits_of(earlier: EarlierRun, job: Job, given: Inputs, epochs: int) -> Refit:
    """Return a refit in memory that starts where the run of here did.

    Args:
        earlier: The run it started from.
        job: The run of here.
        given: What its model is given.
        epochs: After how many its weights were best.
    """

    plan, taken = job.plan, earlier.visits_here()
    whole, items = earlier.pairs_here(pairs_of(earlier.run)), len(job.plan.split.items)

    def refit(pairs: Pairs, number: int) -> Tensor:
        job.say(f"refit {number + 1} of {_refits(job)}: how many would move by that alone")
        trainer = {**plan.config["trainer"], "callbacks": None}
        seed = int(plan.config["seed"]) + 1 + number
        config = {**plan.config, "seed": seed, "trainer": trainer}
        other = replace(plan, config=config, train_pairs=pairs)
        apart = None
        if taken is not None:
            rng = plan.rng.child("since").at(number)
            apart = visits.within(taken, whole, items)
            apart = resampling.thinned_visits(apart, whole, pairs, items, rng)
        mine = inputs.on_other_pairs(config, plan.split, given, pairs, apart).to(plan.device)
        model = assemble(config, mine.shape, other.rng).to(plan.device)
        with (
            environment.stopped_by_signals() as stop,
            environment.deterministic(plan.device),
            torch.enable_grad(),
        ):
            fit_in_memory(other, model, mine, before=earlier, epochs=epochs, stop=stop)
        _, scorer = finished(other, model, mine)
        assert isinstance(scorer, Segmentation)
        return scorer.alpha

    return refit


def pairs_of(run: StoredRun) -> Pairs:
    """Return the pairs that a finished run was trained on."""
    config = loading.configuration(run.path)
    pairs: Pairs = build(config["evaluation"], parts(config, "metrics")).training_pairs(run.split())
    return pairs


def _refits(job: Job) -> int:
    return int(job.plan.config["segments"]["refits"])


def _numpy(alpha: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    found: np.ndarray[Any, np.dtype[np.float64]] = alpha.detach().double().cpu().numpy()
    return found


def _common(earlier: EarlierRun, job: Job, then: Pairs) -> _Common:
    users = earlier.former.users
    known_then = np.bincount(then.user, minlength=len(earlier.run.users)) > 0
    known_here = np.bincount(job.plan.train_pairs.user, minlength=len(users)) > 0
    (here,) = np.nonzero((users >= 0) & known_here & known_then[np.maximum(users, 0)])
    return _Common(here, users[here], _numpy(earlier.run.tensor("alpha"))[users[here]])


def _tastes(
    earlier: EarlierRun, split: Split, scorer: Segmentation
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how alike the segments' tastes are on the items of both, (L,K)."""
    beta_LI, beta_KI = _numpy(earlier.run.tensor("beta")), _numpy(scorer.beta)
    there = earlier.former.items >= 0
    if (
        earlier.run.config["head"].get("beta", "distribution") != scorer.kind
    ):  # read otherwise: members alone say it
        return np.zeros((len(beta_LI), len(beta_KI)))
    return through_time.tastes(beta_LI[:, earlier.former.items[there]], beta_KI[:, there])


def _noise(
    earlier: EarlierRun,
    job: Job,
    common: _Common,
    then: Pairs,
    matched: dict[int, int],
    segments: int,
    refit: Refit,
) -> Noise | None:
    """Refit on most of everybody's earlier events: nobody has changed, and who moves is noise."""
    count = _refits(job)
    if not count:
        return None
    before, found = earlier.pairs_here(then), []
    for number in range(count):
        some = resampling.thinned(before, SHARE, job.plan.rng.child("since").at(number))
        alpha_CK = _numpy(refit(some, number))[common.here]
        of_refit = through_time.match(
            through_time.jaccard(common.alpha_CL, alpha_CK),
            np.zeros((common.alpha_CL.shape[1], segments)),
        )
        same = {matched[was]: now for was, now in of_refit.items() if was in matched}
        order = through_time.numbering(same, segments)
        found.append(np.asarray(alpha_CK[:, order].argmax(1), dtype=np.int64))
    to = _to(matched, common.alpha_CL.shape[1])
    return through_time.noise(common.was, found, len(to), segments, to)


def _to(matched: dict[int, int], earlier: int) -> Ints:
    return np.array([matched.get(was, -1) for was in range(earlier)], dtype=np.int64)


def _told(
    earlier: EarlierRun,
    job: Job,
    common: _Common,
    now_C: Ints,
    matched: dict[int, int],
    segments: int,
    noise: Noise | None,
) -> Through:
    """Return ids, tables, the record, figures and warnings."""
    was_C, before = common.was, durable.of(earlier.run)
    counts_LK = through_time.moves(was_C, now_C, len(before), segments)
    back = {now: was for was, now in matched.items()}
    digest, name = job.identity.digest, job.identity.name
    mine = [
        before[back[k]] if k in back else durable.born(digest, name, k + 1) for k in range(segments)
    ]
    same_LK = np.zeros(counts_LK.shape, dtype=bool)
    same_LK[list(matched), list(matched.values())] = True
    kept = float(counts_LK[same_LK].sum() / max(len(was_C), 1))
    found = through_time.events(counts_LK, matched)
    record: dict[str, Any] = {
        "run": earlier.run.name,
        "hash": str(earlier.run.record["hash"]),
        "people": durable.people(earlier.run),
        "users": {"here": len(job.plan.split.users), "then": len(earlier.run.users),
                  "followed": len(was_C)},
        "kept": kept,
        "segments_kept": len(matched),
        "events": [moves.event_record(each, before, mine) for each in found],
    }  # fmt: skip
    metrics = {"segment/kept": kept}
    warnings = _leaks(earlier, job)
    if noise is not None:
        shares = noise.moved(same_LK)
        record["moved_by_refit"] = [float(share) for share in shares]
        metrics["segment/moved_by_refit"] = float(shares.mean())
        warnings += _drift(1 - kept, shares, len(was_C), earlier.run.name)
    ids = job.plan.split.users.ids[common.here]
    return Through(
        segments=mine,
        moves=moves.moves(counts_LK, same_LK, before, mine, noise),
        moved=moves.moved(ids, was_C, now_C, matched, before, mine, noise),
        record=record,
        metrics=metrics,
        warnings=warnings,
    )


def _drift(moved: float, shares: Any, users: int, name: str) -> list[str]:
    """Warn where more moved than refits alone and chance would move.

    Refits are few: what they move is a proportion of as many people as there are in all of them
    (with one more who moves, since none of few is no proof of none), and what moves now is drawn
    of it too.
    """
    mean, people, refits = float(shares.mean()), max(users, 1), len(shares)
    likely = (mean * people * refits + 1) / (people * refits + 1)
    chance = likely * (1 - likely) * (1 / people + 1 / (people * refits))
    error = np.sqrt(max(float(shares.var()), chance))
    if moved <= max(likely + 2 * error, float(shares.max())):
        return []
    return [
        f"drift: {moved:.1%} of the {users:,} people followed from {name} are in another segment; "
        f"a refit alone would move {mean:.1%}"
    ]


def _leaks(earlier: EarlierRun, job: Job) -> list[str]:
    """Warn where the earlier run was trained on what is asked about here."""
    trained = earlier.pairs_here(pairs_of(earlier.run))
    items = len(job.plan.split.items)

    def keys(pairs: Pairs) -> Ints:
        return np.asarray(pairs.user * items + pairs.item)

    found = []
    for part in ("valid", "test"):
        asked = np.setdiff1d(keys(getattr(job.plan.split, part)), keys(job.plan.train_pairs))
        known = int(np.isin(asked, keys(trained)).sum())
        if known:
            found.append(
                f"{part}: {known:,} of {len(asked):,} pairs asked about stand in the training of "
                f"{earlier.run.name}, from which this run starts: where they are the same events, "
                "its figures flatter"
            )
    return found
