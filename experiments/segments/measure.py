"""What a method's segments are worth on a cell: recovery, modularity, recommendations.

Shape legend: U users, I items, E pairs, K segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
from fits import Array, Fit, ThroughSegments, matrix, shares
from scipy.sparse import csr_matrix

from gnnseg import api, config
from gnnseg.data.raw import Raw
from gnnseg.evaluation import evaluator, segments
from gnnseg.evaluation.protocol import Protocol, Task
from gnnseg.evaluation.segments import structure
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run
from gnnseg.types import Pairs, Scorer, Split

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Ground:
    """A cell's data and the rules of its figures."""

    split: Split
    protocol: Protocol

    @staticmethod
    def of(data: str, overrides: list[str]) -> Ground:
        """Read or draw, clean and split the data."""
        composed = config.compose([f"data={data}", *overrides])
        split = pipeline.read(composed, lambda line: None)
        seen = composed["evaluation"]["seen"]
        return Ground(
            split, Protocol(protocol="clean", seen=seen, ks=[20], metrics=["recall", "ndcg"])
        )

    @cached_property
    def pairs(self) -> csr_matrix:
        """Return the training pairs, (U,I)."""
        return matrix(self.split.train, len(self.split.users), len(self.split.items))

    @cached_property
    def known(self) -> Array:
        """Return (U,) bool, who has a training pair: others are in no segment of anybody's."""
        return np.asarray(self.pairs.sum(1)).ravel() > 0

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Return who is asked about what in validation and test."""
        return {
            "valid": self.protocol.valid_task(self.split),
            "test": self.protocol.test_task(self.split),
        }

    def agreement(self, a: Array, b: Array) -> dict[str, float]:
        """Return ARI and NMI over users with training pairs."""
        return structure.agreement(a[self.known], b[self.known])


def figures(
    ground: Ground, alpha: Array, own: Mapping[str, Scorer], label: Array | None = None
) -> dict[str, Any]:
    """Return the figures of memberships (U,K) and of the method's own scorers by name.

    Rankings: 'hard' and 'soft' through smoothed shares of the largest alpha and of alpha, and the
    method's own, each with recall@20 and ndcg@20 of test, and ndcg@20 of validation.
    """
    label = alpha.argmax(1) if label is None else label
    one = np.eye(alpha.shape[1])[label]
    share = torch.from_numpy(np.ascontiguousarray(alpha))
    items = structure.item_segments(share, ground.split.train, len(ground.split.items))
    found: dict[str, Any] = {
        "segments": len(np.unique(label[ground.known])),
        "modularity": structure.modularity(label, items, ground.split.train),
        "effective_k": segments.effective_k(share),
        "segments_per_user": segments.segments_per_user(share),
        "largest": float(np.bincount(label[ground.known]).max() / ground.known.sum()),
    }
    if ground.split.truth is not None:
        found |= ground.agreement(ground.split.truth.alpha.argmax(1), label)
    scorers: dict[str, Scorer] = {
        "hard": ThroughSegments(one, shares(one, ground.pairs)),
        "soft": ThroughSegments(alpha, shares(alpha, ground.pairs)),
        **own,
    }
    return {**found, "through": {name: ranked(ground, each) for name, each in scorers.items()}}


def ranked(ground: Ground, scorer: Scorer) -> dict[str, float]:
    """Return test's recall@20 and ndcg@20, and validation's ndcg@20."""
    found = {
        part: evaluator.rank(scorer, task, ground.protocol, ground.split.train, CPU).metrics
        for part, task in ground.tasks.items()
    }
    test = found["test"]
    return {
        "recall": test["recall@20"],
        "ndcg": test["ndcg@20"],
        "valid": found["valid"]["ndcg@20"],
    }


def by_truth(ground: Ground) -> Fit:
    """Return who is where under the true tastes: what can be recovered from the pairs at all.

    argmax_k of log share_k + sum over a user's pairs of log beta_kj: the Bayes assignment where
    each user is in one segment (blocks), close to it where memberships are mixed.
    """
    truth = ground.split.truth
    assert truth is not None, "nobody knows the truth of this set"
    share = np.bincount(truth.alpha.argmax(1), minlength=truth.alpha.shape[1]) + 1e-9
    joint = ground.pairs @ np.log(truth.beta + 1e-12).T + np.log(share / share.sum())
    return Fit(joint.argmax(1), float(joint.max(1).sum()), beta=truth.beta)


def subset(train: Pairs, share: float, seed: int) -> Pairs:
    """Return a random share of every user's pairs, rounded, one at least."""
    g = np.random.default_rng([seed, 7])
    order = np.lexsort((g.random(len(train)), train.user))
    count = np.bincount(train.user)
    start = np.repeat(np.cumsum(count) - count, count)
    place = np.arange(len(train)) - start  # of a pair among its user's, in drawn order
    quota = np.maximum(1, np.rint(share * count)).astype(np.int64)[train.user[order]]
    kept = np.sort(order[place < quota])
    columns = {name: getattr(train, name) for name in train.__dataclass_fields__}
    some: dict[str, Any] = {n: None if c is None else c[kept] for n, c in columns.items()}
    return replace(train, **some)


def trained(
    ground: Ground, data: str, overrides: list[str], seed: int, train: Pairs | None = None
) -> tuple[Run, Array]:
    """Train by gnnseg; return the run, and its alpha in the order of the cell's users, (U,K).

    ``train``: other training pairs in place of the cell's own; then ``data.`` and ``split.``
    settings, which have made the split, are left out.
    """
    if train is None:
        run = api.train(data, overrides, seed=seed)
    else:
        other = [one for one in overrides if not one.startswith(("data.", "split."))]
        run = api.train(_raw(ground.split, train), ["split=given", *other], seed=seed)
    return run, run.alpha[run.stored.users.to_index(ground.split.users.ids)]


def _raw(split: Split, train: Pairs) -> Raw:
    """Return the split as a table that brings its parts, with other training pairs."""
    frames = [
        pl.DataFrame(
            {
                "user": pl.Series(split.users.to_ids(pairs.user), dtype=pl.String),
                "item": pl.Series(split.items.to_ids(pairs.item), dtype=pl.String),
                "weight": pairs.weight,
            }
        ).with_columns(part=pl.lit(number, dtype=pl.Int8))
        for number, pairs in enumerate((train, split.valid, split.test))
    ]
    return Raw(name=split.name, events=pl.concat(frames))
