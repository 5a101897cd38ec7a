"""Who is asked about what, and what may not be recommended: the protocol of a figure.

- ``clean``: early stopping and selection on validation, test read once, mask = train + valid. The
  default.
- ``paper``: train = train + valid, best epoch on test, mask = train; every table cell from it is
  marked.
- ``train-mask``: as clean, but only train items are masked at test (LightGCN++'s tables).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gnnseg.data import visits
from gnnseg.data.merging import distinct, join
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation import askable, sampled
from gnnseg.evaluation.metrics import Metric, UserMetric, chosen
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.sparse.order import isin, present, unique
from gnnseg.types import InputError, Interactions, Pairs, Setting, Split

Bools = np.ndarray[Any, np.dtype[np.bool_]]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """Who is asked about what.

    Args:
        name: valid or test.
        relevant: (U,I) the items asked for.
        mask: (U,I) what may not be recommended, or None.
        spend: (E,) at ``relevant``'s entries, or None.
        cold: (U,) bool, users without training pairs.
        counts: of what is asked and what is left out.
        candidates: (U,I) by name, what sampled metrics rank the relevant items among.
        ranks: the processes that rank a part of the users each.
    """

    name: str
    relevant: Csr
    mask: Csr | None
    spend: Tensor | None
    cold: Tensor
    counts: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, Csr] = field(default_factory=dict)
    ranks: Ranks = ALONE

    def to(self, device: torch.device) -> Task:
        """Return the task on a device."""
        if device == self.cold.device:
            return self
        return replace(
            self,
            relevant=self.relevant.to(device),
            mask=None if self.mask is None else self.mask.to(device),
            spend=None if self.spend is None else self.spend.to(device),
            cold=self.cold.to(device),
            candidates={name: each.to(device) for name, each in self.candidates.items()},
        )


@dataclass(frozen=True)
class Protocol:
    """The rules of every figure of a run.

    Args:
        own: metrics of the user's own by name, built from the group ``metrics``.
        protocol: clean, paper or train-mask, as above.
        seen: mask (masked pairs leave the relevant set too) or allow (anything may be recommended
            again).
        ks: lengths of lists.
        metrics: names of what is measured; None: every metric of ours and of the user's own.
        sampled: also rank among drawn negatives, uniN or popN (``sampled``): ``ndcg@10/uni99``.
        users: how many of a part's users are asked, drawn, the same for every model and seed; None:
            all of them.

    Raises:
        InputError: for a length below 1 or given twice, no users, a metric that is not there, or
            negatives that cannot be drawn so.
    """

    own: Mapping[str, Metric] = field(default_factory=dict)
    _: KW_ONLY
    protocol: Literal["clean", "paper", "train-mask"]
    seen: Literal["mask", "allow"]
    ks: list[int]
    metrics: list[str] | None = None
    sampled: list[str] = field(default_factory=list)
    users: int | None = None

    def __post_init__(self) -> None:
        if self.users is not None and self.users < 1:
            raise InputError(
                f"evaluation.users={self.users}: ask at least 1 user; null: everybody."
            )
        if not self.ks or min(self.ks) < 1:
            raise InputError(
                f"evaluation.ks={self.ks}: give lengths of at least 1, such as [10, 20]."
            )
        if twice := next((k for k in self.ks if self.ks.count(k) > 1), None):
            raise InputError(
                f"evaluation.ks={self.ks}: {twice} stands twice; give each length once."
            )
        chosen(self.metrics, self.own)
        sampled.chosen(self.sampled)

    @cached_property
    def measured(self) -> dict[str, Metric]:
        """Return the metrics by name."""
        return chosen(self.metrics, self.own)

    def asking(self, users: int | None) -> Protocol:
        """Return these rules with at most so many users of a part asked; None: these."""
        if users is None:
            return self
        return replace(self, users=users if self.users is None else min(users, self.users))

    @property
    def validated(self) -> list[str]:
        """Return the metrics a validation measures, by name: those that look at everybody."""
        dear = {n for n, m in self.measured.items() if isinstance(m, UserMetric) and m.sample}
        return [name for name in self.measured if name not in dear]

    def lower_is_better(self, monitor: str) -> bool:
        """Return whether the smallest value of a monitored figure, PART/NAME@k, is the best."""
        metric = self.measured.get(monitor.partition("/")[2].partition("@")[0])
        return metric is not None and metric.lower_is_better

    def training_pairs(self, split: Split) -> Pairs:
        """Return what is trained on: train, under ``paper`` train + valid."""
        return (
            join(split.train, split.valid, len(split.items))
            if self.protocol == "paper"
            else split.train
        )

    def training_visits(self, split: Split) -> Interactions | None:
        """Return the items of the visits that are trained on, where the split keeps them.

        Their pairs are those of ``training_pairs``.
        """
        return self._visits(split, trained=True)

    def held_out_visits(self, split: Split) -> Interactions | None:
        """Return the items of the visits that are not trained on; None where there are none."""
        return self._visits(split, trained=False)

    def _visits(self, split: Split, *, trained: bool) -> Interactions | None:
        of_training = ("train", "valid") if self.protocol == "paper" else ("train",)
        found = [v for part, v in split.visits.items() if (part in of_training) == trained]
        return visits.join(found) if found else None

    def refuse_unjudged(self, split: Split) -> None:
        """Refuse a split whose validation or test judges nobody, before anything is trained.

        Raises:
            InputError: With why, and what to do.
        """
        trained = self.training_pairs(split)
        for part in ("test",) if self.protocol == "paper" else ("valid", "test"):
            asked, masked = self._part(part, split)
            masked = masked if self.seen == "mask" else []
            askable.refuse_unjudged(split, part, asked, trained, masked)

    def refuse_unmeasured(self, monitor: str, split: Split) -> None:
        """Refuse a monitored figure that the data let no validation measure.

        Args:
            monitor: ``trainer.monitor``, PART/NAME[@k].
            split: The data.

        Raises:
            InputError: With what is lacking, or what is measured instead.
        """
        part, _, rest = monitor.partition("/")
        name, at, _ = rest.partition("@")
        if part not in split.parts:
            return
        asked, metric = split.parts[part], self.measured.get(name)
        if metric is not None and "spend" in metric.requires and asked.spend is None:
            raise _lacking_spend(f"trainer.monitor={monitor}", name, split, "choose another figure")
        offpolicy = name.partition("/")[0] == "value"
        if offpolicy and split.log is None:
            raise lacking_log(f"trainer.monitor={monitor}", split)
        if not (at or offpolicy):
            lengths = ", ".join(f"{part}/ndcg@{k}" for k in self.ks)
            raise InputError(
                f"trainer.monitor={monitor}: a validation of {split.name} does not measure it; "
                f"choose a figure at a length of lists, such as {lengths}."
            )

    def valid_task(self, split: Split) -> Task:
        """Return what early stopping looks at: validation, under ``paper`` the test."""
        if self.protocol == "paper":
            return self.test_task(split)
        return self._task("valid", split, [split.train, split.valid])

    def validates(self, split: Split) -> bool:
        """Return whether early stopping has a pair to look at."""
        asked, masked = self._part("test" if self.protocol == "paper" else "valid", split)
        return bool(self._new(split, asked, masked)[0].any())

    def test_task(self, split: Split) -> Task:
        """Return what the final figures are of."""
        return self._task("test", split, list(split.parts.values()))

    def _part(self, name: str, split: Split) -> tuple[Pairs, list[Pairs]]:
        """Return the pairs of 'valid' or 'test', and those that its lists leave out as seen."""
        if name == "valid":
            return split.valid, [split.train]
        shown = [split.train] if self.protocol == "train-mask" else [split.train, split.valid]
        return split.test, shown

    def _task(self, name: str, split: Split, taken: list[Pairs]) -> Task:
        asked, masked = self._part(name, split)
        self._refuse_lacking(split, asked)
        items, shape = len(split.items), (len(split.users), len(split.items))
        key = asked.user * items + asked.item
        keep, mask = self._new(split, asked, masked)
        if not keep.any():
            raise InputError(
                f"{split.name}: every {name} pair was seen in training, nothing is left to ask; "
                "set evaluation.seen=allow."
            )
        there, asked_about = present(asked.user, asked.user[keep])
        everybody, keep = keep, keep & self._drawn(name, asked.user, keep)
        spend = None if asked.spend is None else torch.from_numpy(asked.spend[keep])
        relevant = Csr.of(key[keep] // items, key[keep] % items, shape, spend)
        train_pairs = self.training_pairs(split)
        cold = torch.from_numpy(np.bincount(train_pairs.user, minlength=shape[0]) == 0)
        counts = {
            "pairs": int(keep.sum()),
            "pairs of users not drawn": int((everybody & ~keep).sum()),
            "pairs seen before": int((~everybody).sum()),
            "users with every item seen before": int(there.sum() - asked_about.sum()),
            "pairs of items unseen in train": int(
                (np.bincount(train_pairs.item, minlength=items)[key[keep] % items] == 0).sum()
            ),
        }
        pattern = relevant.with_value(None)
        drawn = self._candidates(pattern, split, taken)
        return Task(name, pattern, mask, relevant.value, cold, counts, drawn)

    def _drawn(self, part: str, user_E: Array, keep_E: Array) -> Array:
        """Return which of a part's pairs are of the users who are asked, (E,)."""
        there = unique(user_E[keep_E])
        if self.users is None or len(there) <= self.users:
            return keep_E
        few = Rng(0).child("evaluation.users").numpy(part).permutation(there)[: self.users]
        return isin(user_E, few)

    def _candidates(self, relevant: Csr, split: Split, taken: list[Pairs]) -> dict[str, Csr]:
        """Return what sampled metrics rank among, by name: no negative is a pair that is taken."""
        if not self.sampled:
            return {}
        events = [(each.item, each.count) for each in split.parts.values()]
        count = sum(np.bincount(i, n, minlength=len(split.items)) for i, n in events)
        known = union(taken, relevant.shape)
        return {
            each.name: each.candidates(relevant, known, torch.as_tensor(count))
            for each in sampled.chosen(self.sampled)
        }

    def _new(self, split: Split, asked: Pairs, masked: list[Pairs]) -> tuple[Bools, Csr | None]:
        """Return which pairs are asked about, and what is left out of lists, if anything."""
        if self.seen != "mask":
            return np.ones(len(asked), dtype=bool), None
        items = len(split.items)
        mask = union(masked, (len(split.users), items))
        known = (mask.row * items + mask.column).numpy()
        return ~isin(asked.user * items + asked.item, known), mask

    def _refuse_lacking(self, split: Split, asked: Pairs) -> None:
        """Refuse a metric that was asked for by name and requires what the data do not hold."""
        named = self.measured if self.metrics is not None else self.own
        for name, metric in named.items():
            if "spend" in metric.requires and asked.spend is None:
                raise _lacking_spend("evaluation.metrics", name, split, "leave the metric out")


def _lacking_spend(where: str, metric: str, split: Split, instead: str) -> InputError:
    return InputError(
        where=where,
        problem=f"{metric} needs spend, and {split.name} has none",
        advice=("name its column in ", Setting("data.spend"), f", or {instead}"),
    )


def lacking_log(where: str, split: Split) -> InputError:
    """Return the refusal of a setting, ``where``, that reads a log which the data have not."""
    return InputError(
        where=where,
        problem=f"needs a log of what was shown, and {split.name} has none",
        advice=(
            "give ",
            Setting("data.log", "FILE"),
            " (data=planted draws one: data.log_events=100000)",
        ),
    )


def union(parts: Iterable[Pairs], shape: tuple[int, int]) -> Csr:
    """Return (U,I) every pair that is in one of the parts, once; of one part its own arrays."""
    return Csr.of(*distinct(list(parts), shape[1]), shape, lasting=True)
