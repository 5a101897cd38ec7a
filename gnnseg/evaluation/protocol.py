"""Who is asked about what, and what may not be recommended: the protocol of a figure.

- ``clean``: early stopping and selection on validation, test read once, mask = train + valid. The
  default.
- ``paper``: train = train + valid, best epoch on test, mask = train; every table cell from it is
  marked.
- ``train-mask``: as clean, but only train items are masked at test (LightGCN++'s tables).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import InputError, Pairs, Split


@dataclass(frozen=True)
class Task:
    """A question: ``relevant`` (U,I), ``mask`` (U,I) or None, ``spend`` (E,) at relevant's entries
    or None, ``cold`` (U,) bool."""

    name: str
    relevant: Csr
    mask: Csr | None
    spend: Tensor | None
    cold: Tensor
    counts: dict[str, int] = field(default_factory=dict)

    def to(self, device: torch.device) -> Task:
        if device == self.cold.device:
            return self
        return replace(
            self,
            relevant=self.relevant.to(device),
            mask=None if self.mask is None else self.mask.to(device),
            spend=None if self.spend is None else self.spend.to(device),
            cold=self.cold.to(device),
        )


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """``seen``: mask (masked pairs leave the relevant set too) or allow (anything may be
    recommended again). ``ks``: list lengths."""

    protocol: Literal["clean", "paper", "train-mask"]
    seen: Literal["mask", "allow"]
    ks: list[int]

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1:
            raise InputError(
                f"evaluation.ks={self.ks}: give lengths of at least 1, such as [10, 20]."
            )

    def training_pairs(self, split: Split) -> Pairs:
        """What is trained on: train, under ``paper`` train + valid."""
        return (
            join(split.train, split.valid, len(split.items))
            if self.protocol == "paper"
            else split.train
        )

    def valid_task(self, split: Split) -> Task:
        """What early stopping looks at: validation, under ``paper`` the test."""
        if self.protocol == "paper":
            return self.test_task(split)
        return self._task("valid", split, split.valid, [split.train])

    def test_task(self, split: Split) -> Task:
        masked = [split.train] if self.protocol == "train-mask" else [split.train, split.valid]
        return self._task("test", split, split.test, masked)

    def _task(self, name: str, split: Split, asked: Pairs, masked: list[Pairs]) -> Task:
        items, shape = len(split.items), (len(split.users), len(split.items))
        hidden = np.unique(np.concatenate([p.user * items + p.item for p in masked]))
        key = asked.user * items + asked.item
        keep = np.ones(len(key), dtype=bool)
        mask = None
        if self.seen == "mask":
            keep = ~np.isin(key, hidden)
            mask = Csr.of(hidden // items, hidden % items, shape)
        if not keep.any():
            raise InputError(
                f"{split.name}: every {name} pair was seen in training, nothing is left to ask; "
                "set evaluation.seen=allow."
            )
        spend = None if asked.spend is None else torch.from_numpy(asked.spend[keep])
        relevant = Csr.of(key[keep] // items, key[keep] % items, shape, spend)
        train_pairs = self.training_pairs(split)
        cold = torch.from_numpy(np.bincount(train_pairs.user, minlength=shape[0]) == 0)
        counts = {
            "pairs": int(keep.sum()),
            "pairs seen before": int((~keep).sum()),
            "users with every item seen before": len(np.setdiff1d(asked.user, asked.user[keep])),
            "pairs of items unseen in train": int(
                (np.bincount(train_pairs.item, minlength=items)[key[keep] % items] == 0).sum()
            ),
        }
        return Task(name, relevant.with_value(None), mask, relevant.value, cold, counts)


def join(a: Pairs, b: Pairs, items: int) -> Pairs:
    """Two parts as one: a pair in both is merged as its events would have been."""
    key = np.concatenate([a.user * items + a.item, b.user * items + b.item])
    pair, inverse = np.unique(key, return_inverse=True)

    def both(name: str) -> np.ndarray[Any, Any] | None:
        x, y = getattr(a, name), getattr(b, name)
        return None if x is None or y is None else np.concatenate([x, y])

    def total(name: str) -> np.ndarray[Any, Any] | None:
        values = both(name)
        return None if values is None else np.bincount(inverse, values, minlength=len(pair))

    def extreme(name: str, ufunc: np.ufunc, start: float) -> np.ndarray[Any, Any] | None:
        values = both(name)
        if values is None:
            return None
        out = np.full(len(pair), start)
        ufunc.at(out, inverse, values)
        return out

    weight, count = total("weight"), total("count")
    assert weight is not None
    assert count is not None
    return Pairs(
        pair // items, pair % items, weight, count.astype(np.int64),
        first=extreme("first", np.minimum, np.inf), last=extreme("last", np.maximum, -np.inf), spend=total("spend"),
    )  # fmt: skip
