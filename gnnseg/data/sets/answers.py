"""How planted users answer what they are shown, and a declared logger that shows it: the ground
truth of off-policy work.

Shape legend: U users, I items, K segments, N rows of a log, B users asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import Floats, InputError, Ints, Log, Truth

CEILING = 0.5  # chance of a click on what a user likes best, at the first place
SPREAD = 0.5  # standard deviation of the logarithm of what a click earns
CHUNK = 1 << 22  # cells of (users, items) at once


@dataclass(frozen=True)
class Answers:
    """How users answer: P(click | user i is shown item j at the first place), and its worth.

    The probability is ``CEILING`` rec_ij / max_j rec_ij, rec = alpha beta; ``value`` (I,): what a
    click on an item earns.
    """

    alpha: Floats
    beta: Floats
    value: Floats

    @staticmethod
    def of(truth: Truth | None, name: str) -> Answers:
        """Return the answers of a set's users; InputError where nobody knows their tastes."""
        if truth is None:
            raise InputError(
                f"data={name}: nobody knows how its users would answer; simulate on data=planted."
            )
        value = np.ones(truth.beta.shape[1]) if truth.value is None else truth.value
        return Answers(truth.alpha, truth.beta, value)

    def chance(self, users: Ints | None = None) -> Floats:
        """Return the probabilities of some users, or all, (B,I)."""
        rec: Floats = (self.alpha if users is None else self.alpha[users]) @ self.beta
        found: Floats = CEILING * rec / rec.max(1, keepdims=True)
        return found

    def expected(self, users: Ints | None = None) -> Floats:
        """Return the expected reward of one showing at the first place, (B,I)."""
        found: Floats = self.chance(users) * self.value
        return found


def values(items: int, rng: Rng) -> Floats:
    """Draw what a click on each item earns, (I,): lognormal, of median 1."""
    found: Floats = rng.numpy("value").lognormal(0.0, SPREAD, items)
    return found


def logger(chance: Floats, seen: np.ndarray[Any, Any], sharpness: float) -> Floats:
    """Return a declared logger's policy, (B,I): chance^sharpness among what is not ``seen``.

    ``seen``: (B,I) bool; a sharpness of 0 is uniform.
    """
    chance = np.where(seen, 0.0, chance)
    weight: Floats = np.where(seen, 0.0, (chance / chance.max(1, keepdims=True)) ** sharpness)
    found: Floats = weight / weight.sum(1, keepdims=True)
    return found


def draw(
    answers: Answers, user: Ints, item: Ints, events: int, sharpness: float, rng: Rng
) -> tuple[Log, dict[str, Any]]:
    """Draw a log of ``events`` visits of users drawn alike, one item shown each.

    It is never one of the pairs (E,),(E,) they have taken. The second: what to say of it.

    Raises:
        InputError: Where a user has taken every item.
    """
    users, items = answers.alpha.shape[0], answers.beta.shape[1]
    seen = np.zeros((users, items), dtype=bool)
    seen[user, item] = True
    if seen.all(1).any():
        raise InputError(
            "data.log_events: a user has taken every item, nothing is left to show; draw fewer "
            "interactions."
        )
    g = rng.numpy("log")
    who = np.sort(g.integers(users, size=events))
    what, propensity, reward = np.empty(events, dtype=np.int64), np.empty(events), np.empty(events)
    step = max(1, CHUNK // items)
    for begin in range(0, users, step):
        some = np.arange(begin, min(begin + step, users))
        lo, hi = np.searchsorted(who, [some[0], some[-1] + 1])
        chance = answers.chance(some)
        policy = logger(chance, seen[some], sharpness)
        row = who[lo:hi] - begin
        what[lo:hi] = choose(policy, row, g)
        propensity[lo:hi] = policy[row, what[lo:hi]]
        clicked = g.random(hi - lo) < chance[row, what[lo:hi]]
        reward[lo:hi] = clicked * answers.value[what[lo:hi]]
    order = g.permutation(events)
    log = Log(
        slate=np.arange(events),
        user=who[order],
        item=what[order],
        position=np.ones(events, dtype=np.int64),
        reward=reward[order],
        propensity=propensity[order],
    )
    return log, {
        "logger": f"simulated: chance of a click to the power {sharpness:g} among what is new",
        "events": events,
    }


def choose(policy: Floats, rows: Ints, g: np.random.Generator) -> Ints:
    """Draw an item of each row's policy, (N,): ``policy`` (B,I), ``rows`` (N,) ascending."""
    cumulative = policy.cumsum(1)
    found = np.empty(len(rows), dtype=np.int64)
    bounds = np.searchsorted(rows, np.arange(len(policy) + 1))
    for row in range(len(policy)):
        part = slice(bounds[row], bounds[row + 1])
        drawn = g.random(part.stop - part.start) * cumulative[row, -1]
        found[part] = np.searchsorted(cumulative[row], drawn, side="right")
    last = (
        policy.shape[1] - 1 - (policy > 0)[:, ::-1].argmax(1)
    )  # rounding never leads beyond what may be shown
    chosen: Ints = np.minimum(found, last[rows])
    return chosen
