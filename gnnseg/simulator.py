"""Planted users who answer what they are shown, visit after visit: Gymnasium's interface, and many
users at once.

    sim = Simulator.planted(["data.users=1000"], length=10, drift=0.05)
    state, info = sim.reset(seed=0, options={"user": "7"})
    state, reward, terminated, truncated, info = sim.step(slate)  # info["clicks"]: 0 or 1 a place

Shape legend: U users, I items, K segments, B users at once, T length of a slate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg.data.sets.answers import CEILING, Answers
from gnnseg.evaluation import offpolicy
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Dataset, Floats, InputError, Ints, Policy, Scorer

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as missing:  # pragma: no cover
    raise InputError(
        "gnnseg.simulator needs the package gymnasium; install it with the extra rl: pip install "
        "gnnseg[rl]."
    ) from missing

FORGET = 0.5  # part of what a user tires of that is left a visit later
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Chooser = Callable[
    [Ints, Bools, np.random.Generator], Ints
]  # users (B,), what they have (B,I) -> slates (B,T)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How users answer beyond their taste; all 0: as in the log that ``data.log_events`` draws.

    ``position``: the place p of a slate is looked at with probability p^-position (position-based
    model, Craswell et al. 2008). ``drift``: part of a user's taste that each visit puts in place of
    the old, by the segments of what was shown (as preferences shift towards recommendations in
    Jiang et al. 2019). ``saturation``: what a user is shown of a segment tires: a chance is
    multiplied by exp(-saturation f), f the share of the item's segments in the slates of late,
    halved a visit (satiation, Leqi et al. 2021).
    """

    position: float = 0.0
    drift: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        for key, most in (("position", np.inf), ("drift", 1.0), ("saturation", np.inf)):
            value = getattr(self, key)
            if not 0 <= value <= most or not np.isfinite(value):
                raise InputError(
                    f"{key}={value}: must be 0 or more{' and at most 1' if most == 1 else ''}, and "
                    "finite."
                )


class Crowd:
    """All planted users with what they have, like now and are tired of; a visit changes all three.

    P(click on item j at place p) = p^-position CEILING rec_ij/max_j rec_ij exp(-saturation <h_j,
    f_i>), rec = alpha beta with the alpha of now, h_j = beta_kj/sum_k beta_kj the item's segments,
    f_i what user i was shown of each segment, halved a visit. A click is a taking: what a user has
    earns nothing, nor does the second of the same item in a slate.
    """

    def __init__(self, answers: Answers, has_UI: Bools, manner: Manner | None = None) -> None:
        self.answers, self.manner = answers, Manner() if manner is None else manner
        beta = answers.beta
        self.home_IK: Floats = (beta / beta.sum(0)).T
        self._first = has_UI
        self.begin()

    @staticmethod
    def of(data: Dataset, manner: Manner | None = None) -> Crowd:
        """Make the users of a planted set, who have what its interactions say.

        InputError for another set.
        """
        has_UI = np.zeros((len(data.users), len(data.items)), dtype=bool)
        has_UI[data.interactions.user, data.interactions.item] = True
        return Crowd(Answers.of(data.truth, data.name), has_UI, manner)

    def alone(self, user: int) -> Crowd:
        """Return one of them, as on the first day."""
        a = self.answers
        return Crowd(Answers(a.alpha[[user]], a.beta, a.value), self._first[[user]], self.manner)

    def begin(self) -> None:
        """Put everybody back to the first day."""
        self.alpha_UK = self.answers.alpha.copy()
        self.tired_UK = np.zeros_like(self.alpha_UK)
        self.has_UI = self._first.copy()

    def chance(self, users: Ints) -> Floats:
        """Return the chance of a click at the first place now, (B,I), what they have included."""
        rec = self.alpha_UK[users] @ self.answers.beta
        found: Floats = CEILING * rec / rec.max(1, keepdims=True)
        if self.manner.saturation:
            found = found * np.exp(
                -self.manner.saturation * (self.tired_UK[users] @ self.home_IK.T)
            )
        return found

    def expected(self, users: Ints) -> Floats:
        """Return the expected reward of an item at the first place, (B,I); 0 for what they have."""
        return np.where(self.has_UI[users], 0.0, self.chance(users) * self.answers.value)

    def at_places(self, users: Ints, slates: Ints) -> Floats:
        """Return the chance of a click at each place of a slate now, (B,T) -> (B,T)."""
        found = np.take_along_axis(np.where(self.has_UI[users], 0.0, self.chance(users)), slates, 1)
        order = np.argsort(slates, axis=1, kind="stable")
        ranked = np.take_along_axis(slates, order, 1)
        again = np.zeros(slates.shape, dtype=bool)
        np.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], 1)
        place = np.arange(1, slates.shape[1] + 1) ** -self.manner.position
        return np.where(again, 0.0, found) * place

    def show(self, users: Ints, slates: Ints, g: np.random.Generator) -> tuple[Bools, Floats]:
        """Show different users (B,) a slate each: its clicks and rewards, (B,T)."""
        clicks: Bools = g.random(slates.shape) < self.at_places(users, slates)
        rewards = clicks * self.answers.value[slates]
        where, place = np.nonzero(clicks)
        self.has_UI[users[where], slates[where, place]] = True
        shown_BK = self.home_IK[slates].mean(1)
        m = self.manner
        self.alpha_UK[users] = (1 - m.drift) * self.alpha_UK[users] + m.drift * shown_BK
        self.tired_UK[users] = FORGET * self.tired_UK[users] + shown_BK
        return clicks, rewards

    def value(self, policy_UI: Floats) -> Floats:
        """Return the expected reward of one item shown now, sampled from each user's policy, (U,).

        sum_j pi(j|i) E[reward | i, j], exact.
        """
        found: Floats = (policy_UI * self.expected(np.arange(len(policy_UI)))).sum(1)
        return found

    def optimum(self) -> Floats:
        """Return that of the best deterministic policy among what each user does not have, (U,)."""
        found: Floats = self.expected(np.arange(len(self.alpha_UK))).max(1)
        return found

    def roll_out(self, choose: Chooser, rounds: int, rng: Rng, users: Ints | None = None) -> Floats:
        """Return what each user earns in ``rounds`` visits from now on, (B,)."""
        users = np.arange(len(self.alpha_UK)) if users is None else users
        earned = np.zeros(len(users))
        for visit in range(rounds):
            g = rng.at(visit).numpy("visit")
            earned += self.show(users, choose(users, self.has_UI[users], g), g)[1].sum(1)
        return earned

    def long_value(self, choose: Chooser, rounds: int, times: int, rng: Rng) -> tuple[float, float]:
        """Return a policy's mean reward a user in ``rounds`` visits, and its standard error.

        From the first day on, by ``times`` roll-outs of everybody; the crowd is left as it began.
        """
        means = []
        for time in range(times):
            self.begin()
            means.append(self.roll_out(choose, rounds, rng.child(str(time))).mean())
        self.begin()
        return float(np.mean(means)), float(
            np.std(means, ddof=1) / np.sqrt(times)
        ) if times > 1 else float("nan")


def drawn(policy: Scorer, length: int) -> Chooser:
    """Draw slates of ``length`` from the policy, what users have left out.

    One item after the other without replacement (Plackett-Luce).
    """
    return _chooser(policy, length, noisy=True)


def greedy(scorer: Scorer, length: int) -> Chooser:
    """Choose each user's ``length`` best of what they do not have."""
    return _chooser(scorer, length, noisy=False)


def _chooser(scorer: Scorer, length: int, *, noisy: bool) -> Chooser:
    def choose(users: Ints, has_BI: Bools, g: np.random.Generator) -> Ints:
        with torch.no_grad():
            logits: Floats = scorer.block(torch.from_numpy(users)).double().cpu().numpy()
        if noisy:
            logits = logits + g.gumbel(size=logits.shape)
        slates: Ints = np.argsort(-np.where(has_BI, -np.inf, logits), axis=1, kind="stable")[
            :, :length
        ]
        return slates

    return choose


def served(policy: Policy, has_UI: Bools) -> Floats:
    """Return the policy of every user without what they have, (U,I), rows sum to 1."""
    users, items = np.nonzero(has_UI)
    return offpolicy.served(policy, torch.arange(len(has_UI)), Csr.of(users, items, has_UI.shape))


class Simulator(gymnasium.Env[dict[str, Any], Ints]):
    """One planted user of a crowd, in Gymnasium's interface.

    ``rounds`` visits an episode, a slate of ``length`` items a visit.

    State: ``user`` by index, ``round`` from 0, and the last visit's ``shown`` (T,) items and
    ``clicks`` (T,), 0 before the first. Action: T items by index, (T,) int64. Reward: what the
    clicks earn. An episode is truncated after ``rounds`` visits; it terminates where the user has
    everything. ``info``: ``user`` by id, and after a step ``clicks`` (T,), ``rewards`` (T,),
    ``expected``, what the slate was worth before it was answered. InputError for a slate or user
    that is none.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium's own way)

    def __init__(
        self,
        data: Dataset,
        *,
        length: int = 1,
        rounds: int = 20,
        position: float = 0.0,
        drift: float = 0.0,
        saturation: float = 0.0,
    ) -> None:
        users, items = len(data.users), len(data.items)
        if not 1 <= length <= items or rounds < 1:
            raise InputError(
                f"length={length}, rounds={rounds}: a slate holds 1 to {items} items, an episode "
                "at least 1 visit."
            )
        self.data, self.length, self.rounds = data, length, rounds
        self.crowd = Crowd.of(data, Manner(position=position, drift=drift, saturation=saturation))
        self._alone: Crowd | None = None
        self.action_space = spaces.MultiDiscrete([items] * length)
        self.observation_space = spaces.Dict(
            {
                "user": spaces.Discrete(users),
                "round": spaces.Discrete(rounds + 1),
                "shown": spaces.MultiDiscrete([items] * length),
                "clicks": spaces.MultiBinary(length),
            }
        )
        self._user = self._round = 0

    @staticmethod
    def planted(overrides: Sequence[str] = (), **settings: Any) -> Simulator:
        """Make one over the set that ``data=planted`` draws.

        Args:
            overrides: Of the set, such as 'data.users=1000', 'data.seed=1'.
            settings: length, rounds, position, drift, saturation.
        """
        from gnnseg import config as configuration
        from gnnseg import data
        from gnnseg.runs import environment

        composed = configuration.compose(["data=planted", *overrides])
        root, cache = Path(composed["data"]["root"]), environment.cache_root(composed)
        return Simulator(
            data.load(composed["data"], root=root, cache=cache, say=lambda line: None), **settings
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode, with a user as on the first day.

        Args:
            seed: Of what is drawn from here on.
            options: {'user': an id}; without it the user is drawn.

        Raises:
            InputError: No such user, or another option.
        """
        super().reset(seed=seed)
        unknown = sorted(set(options or {}) - {"user"})
        if unknown:
            raise InputError(
                f"options: {', '.join(unknown)} is not among them; there is user, an id."
            )
        if options and "user" in options:
            if options["user"] not in self.data.users:
                raise InputError(
                    f"options: user {options['user']!r} is not in {self.data.name}; give one of "
                    f"its {len(self.data.users):,} ids."
                )
            self._user = self.data.users.index(options["user"])
        else:
            self._user = int(self.np_random.integers(len(self.data.users)))
        self._alone, self._round = self.crowd.alone(self._user), 0
        nothing = np.zeros(self.length, dtype=np.int64)
        return self._state(nothing, nothing.astype(np.int8)), self._info()

    def step(self, action: Ints) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Show a slate: the state after it, its reward, terminated, truncated, and info.

        Raises:
            InputError: No slate of this length, or ``reset`` was not called.
        """
        if self._alone is None:
            raise InputError("step: nobody is here yet; call reset first.")
        slate = np.asarray(action)
        if not self.action_space.contains(slate):
            raise InputError(
                f"step: a slate is {self.length} whole numbers from 0 to "
                f"{len(self.data.items) - 1}, items by index; "
                f"{np.array2string(slate, threshold=12)} is none."
            )
        user, slates = np.zeros(1, dtype=np.int64), slate[None]
        expected = float(
            (self._alone.at_places(user, slates) * self._alone.answers.value[slate]).sum()
        )
        clicks, rewards = self._alone.show(user, slates, self.np_random)
        self._round += 1
        info = {
            **self._info(),
            "clicks": clicks[0].astype(np.int8),
            "rewards": rewards[0],
            "expected": expected,
        }
        terminated = bool(self._alone.has_UI.all())
        state = self._state(slate, info["clicks"])
        return state, float(rewards.sum()), terminated, self._round >= self.rounds, info

    def _state(self, shown: Ints, clicks: np.ndarray[Any, Any]) -> dict[str, Any]:
        return {
            "user": np.int64(self._user),
            "round": np.int64(self._round),
            "shown": shown,
            "clicks": clicks,
        }

    def _info(self) -> dict[str, Any]:
        return {"user": str(self.data.users.ids[self._user])}
