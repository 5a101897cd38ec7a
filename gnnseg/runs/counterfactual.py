"""Which of a user's interactions put them in their segment, and which few would move them.

Everything is recomputed, nothing read off a gradient: a history with one interaction more or less
is folded in as somebody new's, the model's weights as they are. Training users too are folded in
(with their attributes and friends), with their whole history and with others, so that one and the
same computation is compared: a layer 0 of their own, where there is one, is solved for anew, as
training would have fitted it to the other history, and nobody else moves.

Shape legend: n items of a history, B histories, F attribute columns, K segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.data.derived import of_users
from gnnseg.data.merging import join
from gnnseg.evaluation import segments
from gnnseg.models.fold_in import CHUNK, FoldIn
from gnnseg.runs.known import Known
from gnnseg.runs.reasons import described
from gnnseg.runs.self_assign import friends_of, histories_of
from gnnseg.runs.stored import StoredRun, without_segments
from gnnseg.sparse import Csr
from gnnseg.types import Floats, InputError, Ints, Pairs, Segmentation

MOST = 5  # changes
SHORTLIST = 256  # changes tried beside those already made, the nearest to moving when made alone
SAME = 1e-4  # columns that differ by no more were derived from the history
EXPLAINED = {
    "user": pl.String, "part": pl.String, "step": pl.Int64, "action": pl.String, "item": pl.String,
    "name": pl.String, "segment": pl.Int64, "alpha": pl.Float64, "change": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One interaction that is taken out of a history, or put in."""

    item: int
    added: bool


@dataclass(frozen=True)
class Move:
    """Changes that move a user, in their order, and alpha after each, (K,).

    Without changes: so few do not.
    """

    changes: tuple[Change, ...]
    alphas: tuple[Floats, ...]


def explain(run: StoredRun, user: str) -> pl.DataFrame:
    """Return why a user is in their segment; see ``Run.explain``."""
    asked = Asked.of(run, user)
    alpha_K = asked.alphas([asked.history])[0]
    here = int(alpha_K.argmax())
    left = [Change(int(j), added=False) for j in asked.history.item]
    added = [Change(int(j), added=True) for j in asked.others()]
    tried = asked.alphas(asked.changed(asked.history, change) for change in (*left, *added))
    move = fewest(asked, here, [*left, *added], tried)
    trained_K = run.tensor("alpha")[asked.user].double().numpy()
    rows: list[tuple[Any, ...]] = [
        ("trained", None, None, None, trained_K, None),
        ("now", None, None, None, alpha_K, None),
    ]
    held = alpha_K[here] - tried[: len(left), here]
    for at in np.argsort(-held, kind="stable"):
        after_K = tried[at] if asked.places((left[at],)) else None
        rows.append(("history", None, "removed", left[at].item, after_K, float(held[at])))
    for step, (change, after_K) in enumerate(zip(move.changes, move.alphas, strict=True), 1):
        action = "added" if change.added else "removed"
        fallen = float(alpha_K[here] - after_K[here])
        rows.append(("move", step, action, change.item, after_K, fallen))
    return pl.DataFrame(
        [_row(run, asked.user, here, *row) for row in rows], schema=EXPLAINED, orient="row"
    )


def fewest(asked: Asked, here: int, single: Sequence[Change], tried_BK: Floats) -> Move:
    """Return the fewest changes found that move a user away from segment ``here``.

    One change is looked for among all; more are added greedily, each the one that brings another
    segment nearest, up to ``MOST``; of those, what turns out not to be needed is left out again.

    Args:
        asked: Whose history it is.
        here: Their segment, from 0.
        single: Every change there is.
        tried_BK: Alpha after each of them alone.
    """
    gap_B = gaps(tried_BK, here)
    order = [at for at in np.argsort(gap_B, kind="stable") if asked.places((single[at],))]
    if not order:
        return Move((), ())
    if moved(tried_BK[order[0]], here):
        return _verified(asked, here, (single[order[0]],))
    history = asked.changed(asked.history, single[order[0]])
    made, short = [single[order[0]]], [single[at] for at in order[:SHORTLIST]]
    while len(made) < MOST:
        rest = [c for c in short if c not in made and asked.places((*made, c))]
        if not rest:
            break
        after_BK = asked.alphas(asked.changed(history, change) for change in rest)
        best = int(np.argsort(gaps(after_BK, here), kind="stable")[0])
        made.append(rest[best])
        history = asked.changed(history, rest[best])
        if moved(after_BK[best], here):
            return _verified(asked, here, _needed(asked, here, tuple(made)))
    return Move((), ())


def gaps(alpha_BK: Floats, here: int) -> Floats:
    """Return how far segment ``here`` is above the nearest other, (B,); below 0: they moved."""
    if alpha_BK.shape[1] == 1:
        return np.ones(len(alpha_BK))
    gap_B: Floats = alpha_BK[:, here] - np.delete(alpha_BK, here, axis=1).max(1)
    return gap_B


def moved(alpha_K: Floats, here: int) -> bool:
    """Return whether the segment is another than ``here``."""
    return int(alpha_K.argmax()) != here


def _needed(asked: Asked, here: int, made: tuple[Change, ...]) -> tuple[Change, ...]:
    """Leave out changes without which the user moves all the same."""
    while len(made) > 1:
        fewer = [
            some for at in range(len(made)) if asked.places(some := made[:at] + made[at + 1 :])
        ]
        if not fewer:
            break
        after_BK = asked.alphas(asked.after(changes) for changes in fewer)
        enough = [at for at, alpha_K in enumerate(after_BK) if moved(alpha_K, here)]
        if not enough:
            break
        made = fewer[enough[0]]
    return made


def _verified(asked: Asked, here: int, made: tuple[Change, ...]) -> Move:
    """Compute the way there once more, each history alone."""
    alphas = [asked.alphas([asked.after(made[: at + 1])])[0] for at in range(len(made))]
    return Move(made, tuple(alphas)) if moved(alphas[-1], here) else Move((), ())


@dataclass(frozen=True)
class Asked:
    """A training user: their history, and what else is known of them, (1,F), (1,U)."""

    user: int
    history: Pairs
    fold_in: FoldIn
    known: Known
    train: Pairs
    attributes_F: Floats | None
    derived_F: Ints
    friends: Csr | None

    @staticmethod
    def of(run: StoredRun, user: str) -> Asked:
        """Return who is asked about.

        Raises:
            InputError: The id is not known, the user has no training history, or the run no
                segments.
        """
        at = run.find("user", user)
        if not run.has_segments:
            raise without_segments(run, "segments to explain by")
        train, fold_in = _trained_on(run), run.fold_in
        history = histories_of(train, np.array([at]))
        if not len(history):
            raise InputError(
                f"user {user!r} has no training interaction in {run.name}: nothing of their own "
                "put them in a segment; name another with --user."
            )
        given, ties = fold_in.given, fold_in.graph.social
        row_F = None if given.user is None else given.user[at].double().cpu().numpy()
        friends = None if ties is None else friends_of(ties, np.array([at]))
        columns = np.zeros(0, dtype=np.int64)
        if row_F is not None:
            columns = _derived(run.known, history, row_F)
        return Asked(at, history, fold_in, run.known, train, row_F, columns, friends)

    def others(self) -> Ints:
        """Return the items met in training by somebody, but not by the user."""
        met = np.unique(self.train.item)
        return np.asarray(np.setdiff1d(met, self.history.item), dtype=np.int64)

    def changed(self, history: Pairs, change: Change) -> Pairs:
        """Return a history with one interaction more, of the usual weight, or less."""
        if not change.added:
            return history.rows(history.item != change.item)
        at = int(np.searchsorted(history.item, change.item))
        usual = {"user": 0, "item": change.item, "weight": self.known.weight, "count": 1}
        columns = {name: np.insert(getattr(history, name), at, usual[name]) for name in usual}
        spend = None
        if history.spend is not None and self._spend is not None:
            spend = np.insert(history.spend, at, self._spend)
        visits = None if history.visits is None else np.insert(history.visits, at, 1.0)
        return Pairs(**columns, spend=spend, visits=visits)

    @cached_property
    def _spend(self) -> float | None:
        """What an event of training costs on average."""
        spend = self.train.spend
        return None if spend is None else float(spend.sum() / max(int(self.train.count.sum()), 1))

    def after(self, changes: Iterable[Change]) -> Pairs:
        """Return the history after several changes."""
        history = self.history
        for change in changes:
            history = self.changed(history, change)
        return history

    def places(self, changes: Sequence[Change]) -> bool:
        """Return whether the user is in a segment at all after these changes.

        Of whom nothing is known is in none (``runs.reasons``), and has not moved to another.
        """
        if len(self.history) > len(changes) or any(change.added for change in changes):
            return True
        after = self.after(changes)
        if len(after) or (self.friends is not None and len(self.friends.column)):
            return True
        return bool(
            described(self._attributes([after]), self.known.encoding, self.known.reads, 1)[0]
        )

    def alphas(self, histories: Iterable[Pairs]) -> Floats:
        """Return what the user's alpha would be with each of these histories, (B,K)."""
        return np.concatenate([self._part(part) for part in _parts(histories)])

    @torch.no_grad()
    def _part(self, histories: list[Pairs]) -> Floats:
        count = len(histories)
        friends = None
        if self.friends is not None:
            friends = _repeated(self.friends, count)
        scorer = self.fold_in.scorer(
            _stacked(histories), count, self._attributes(histories), friends
        )
        assert isinstance(scorer, Segmentation)
        alpha_BK: Floats = scorer.memberships(None).double().cpu().numpy()
        return alpha_BK

    def _attributes(self, histories: list[Pairs]) -> Tensor | None:
        """Return the user's attributes with each history, (B,F); None where there are none."""
        if self.attributes_F is None:
            return None
        count = len(histories)
        rows_BF = np.tile(self.attributes_F, (count, 1))
        anew_BF = self.known.encoding.users(
            count, _stacked(histories), None, short=self.known.short
        )
        rows_BF[:, self.derived_F] = anew_BF[:, self.derived_F]
        return torch.from_numpy(rows_BF).float()


def _derived(known: Known, history: Pairs, row_F: Floats) -> Ints:
    """The columns that the history alone makes what they were in training."""
    said = of_users(1, history, known.encoding.until, known.encoding.interests)
    names = [each.source for each in known.encoding.user for _ in each.names]
    anew_F = known.encoding.users(1, history, None, short=known.short)[0]
    same_F = np.abs(anew_F - row_F) <= SAME
    found = np.flatnonzero(np.array([name in said for name in names], dtype=bool) & same_F)
    return np.asarray(found, dtype=np.int64)


def _parts(histories: Iterable[Pairs]) -> Iterator[list[Pairs]]:
    part: list[Pairs] = []
    for history in histories:
        part.append(history)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part


def _stacked(histories: list[Pairs]) -> Pairs:
    """Several histories as those of users from 0."""
    columns = {
        name: np.concatenate([getattr(each, name) for each in histories])
        for name in ("item", "weight", "count")
    }
    optional: dict[str, Any] = {}
    for name in ("spend", "visits"):
        found = [column for each in histories if (column := getattr(each, name)) is not None]
        optional[name] = np.concatenate(found) if len(found) == len(histories) else None
    user = np.repeat(np.arange(len(histories)), [len(each) for each in histories])
    return Pairs(user=user, **columns, **optional)


def _repeated(friends: Csr, count: int) -> Csr:
    """One user's ties as those of ``count``."""
    column, value = friends.column.numpy(), friends.value
    assert value is not None
    row = np.repeat(np.arange(count), len(column))
    return Csr.of(row, np.tile(column, count), (count, friends.shape[1]), value.repeat(count))


def _row(
    run: StoredRun,
    user: int,
    here: int,
    part: str,
    step: int | None,
    action: str | None,
    item: int | None,
    alpha_K: Floats | None,
    change: float | None,
) -> tuple[object, ...]:
    named = (None, None) if item is None else (run.items.ids[item], run.items.name(item))
    said = (run.users.ids[user], part, step, action, *named)
    if alpha_K is None:  # in no segment
        return (*said, None, None, None)
    hard = int(segments.hard(torch.from_numpy(alpha_K[None]))[0]) + 1
    return (*said, hard, float(alpha_K[here]), change)


def _trained_on(run: StoredRun) -> Pairs:
    """Return what was trained on: train, under ``paper`` train + valid."""
    split = run.split()
    if run.record["protocol"] != "paper":
        return split.train
    return join(split.train, split.valid, len(split.items))
