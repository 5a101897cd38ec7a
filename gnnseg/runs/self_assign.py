"""Whether new users get the segments that training would have given them.

Each trained user's own history is folded in as somebody unknown's. Shape legend: U users of the
run, B users asked about, K segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.encoding import Encoding
from gnnseg.evaluation import segments
from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.models.encoders import EmbedsNewUsers
from gnnseg.models.finished import Recommending
from gnnseg.models.fold_in import FoldIn
from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.known import LOW, short_of
from gnnseg.runs.new_users import NewUsers
from gnnseg.sparse import Csr
from gnnseg.sparse.order import present
from gnnseg.types import Pairs, Scorer, Segmentation

SAMPLE = 2000  # trained users asked about


def with_self_assign(
    evaluation: Evaluation,
    model: Recommending,
    given: Inputs,
    weights: Any,
    train: Pairs,
    scorer: Scorer,
    rng: Rng,
) -> Evaluation:
    """Add whether ``assign`` puts trained users where training did, and a warning where not.

    ``segment/self_assign`` is the share in the same segment by their training history alone,
    ``segment/self_assign_ari`` the adjusted Rand index (Hubert & Arabie 1985); where the encoder
    reads attributes or ties, ``segment/self_assign_known`` is the share when these are given too,
    and ``segment/self_assign_left_out`` what a regression on histories reaches that is fitted to
    everybody else, which is about as much as a history can say. Of at most ``SAMPLE`` users, drawn.

    Args:
        evaluation: What is known without it.
        model: As trained.
        given: What it was given.
        weights: What a pair of a history weighs (``graph.weights``).
        train: The training pairs.
        scorer: The trained users' scores.
        rng: Of the draw.

    Returns:
        The evaluation; as it was where there are no segments, or nobody new can be embedded.
    """
    if not isinstance(scorer, Segmentation) or not isinstance(model, Model):
        return evaluation
    if not isinstance(model.encoder, EmbedsNewUsers):
        return evaluation
    if not len(train):
        return evaluation
    fold_in = FoldIn(model, given.graph, given.features, weights)
    metrics = measure(fold_in, given.encoding, train, scorer, rng)
    return replace(
        evaluation,
        metrics=evaluation.metrics | metrics,
        warnings=[*evaluation.warnings, *warning(metrics)],
    )


@torch.no_grad()
def measure(
    fold_in: FoldIn, encoding: Encoding, train: Pairs, scorer: Segmentation, rng: Rng
) -> dict[str, float]:
    """Return the figures of ``with_self_assign`` by name.

    Args:
        fold_in: The trained model.
        encoding: How attributes became its columns.
        train: The training pairs.
        scorer: The trained users' scores.
        rng: Of the draw of users.
    """
    some = _drawn(train, rng)
    rows = torch.from_numpy(some).to(fold_in.graph.pattern.column.device)
    before = segments.hard(scorer.memberships(rows))
    people = NewUsers(some.astype(object), histories_of(train, some))
    alone = people.attributes(encoding, short_of(train)), people.given(encoding), None
    found = agreement(before, _segments(fold_in, people, *alone))
    metrics = {"segment/self_assign": found["same"], "segment/self_assign_ari": found["ari"]}
    attributes, ties = fold_in.given.user, fold_in.graph.social
    if attributes is not None or ties is not None:
        known = (
            None if attributes is None else attributes[rows],
            None,
            None if ties is None else friends_of(ties, some),
        )
        same = agreement(before, _segments(fold_in, people, *known))["same"]
        metrics["segment/self_assign_known"] = same
        left_out = fold_in.left_out(people.given(encoding))
        assert isinstance(left_out, Segmentation)
        same = agreement(before, segments.hard(left_out.memberships(rows)))["same"]
        metrics["segment/self_assign_left_out"] = same
    return metrics


def warning(metrics: Mapping[str, float]) -> list[str]:
    """Return a sentence where trained users are not found again by their histories."""
    same = metrics.get("segment/self_assign", 1.0)
    if same >= LOW:
        return []
    said = (
        f"assign puts {same:.0%} of the trained users where training did, by their histories alone"
    )
    known = metrics.get("segment/self_assign_known")
    if known is None:
        return [said]
    said += f"; {known:.0%} with their attributes and friends"
    told = metrics.get("segment/self_assign_left_out")
    if told is not None and known >= LOW:
        said += (
            f", which their histories do not say: a regression on these puts {told:.0%} of people "
            "left out of it there"
        )
    return [said]


def agreement(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the share of users in the same segment, 'same', and 'ari' of the two partitions."""
    return {
        "same": float((before == after).mean()),
        "ari": segments.agreement(before, after)["ari"],
    }


def histories_of(train: Pairs, users: np.ndarray[Any, Any]) -> Pairs:
    """Return the pairs of some users, in ascending order, as those of users from 0."""
    low, high = np.searchsorted(train.user, users), np.searchsorted(train.user, users, "right")
    rows = np.concatenate([np.arange(a, b) for a, b in zip(low, high, strict=True)])
    return replace(train.rows(rows), user=np.repeat(np.arange(len(users)), high - low))


def friends_of(ties: Csr, users: np.ndarray[Any, Any]) -> Csr:
    """Return some users' ties to all, (B,U) with values."""
    where, entry = ties.entries_of(torch.from_numpy(users).to(ties.column.device))
    value = torch.ones(len(entry)) if ties.value is None else ties.value[entry].cpu()
    column = ties.column[entry].cpu().numpy()
    return Csr.of(where.cpu().numpy(), column, (len(users), ties.shape[1]), value)


def _drawn(train: Pairs, rng: Rng) -> np.ndarray[Any, np.dtype[np.int64]]:
    users = present(train.user)[0].nonzero()[0]
    if len(users) > SAMPLE:
        users = np.sort(
            rng.child("self assign").numpy("users").choice(users, SAMPLE, replace=False)
        )
    return users


def _segments(
    fold_in: FoldIn,
    people: NewUsers,
    attributes_BF: Tensor | None,
    given_F: Tensor | None,
    friends: Csr | None,
) -> np.ndarray[Any, Any]:
    scorer = fold_in.scorer(people.pairs, len(people.ids), attributes_BF, friends, given_F)
    assert isinstance(scorer, Segmentation)
    return segments.hard(scorer.memberships(None))
