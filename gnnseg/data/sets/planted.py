"""A drawn set whose truth is known: for tests, and to evaluate segments.

Shape legend: U users, I items, E interactions, K segments, D width of a modality's vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import Raw
from gnnseg.data.sets import answers, drawing
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.rng import Rng
from gnnseg.types import IdMap, InputError, Ints, Truth

PRESETS: dict[str, dict[str, float]] = {
    # skew: Zipf exponent of the items' popularity in a segment; noise: share of events from
    # everybody's taste; overlap: expected part of a user's mass outside the first segment;
    # activity: spread of the users' event counts.
    "easy": {"skew": 0.6, "noise": 0.05, "overlap": 0.1, "activity": 0.3},
    "hard": {"skew": 1.0, "noise": 0.3, "overlap": 0.35, "activity": 0.8},
}
START = 1577836800.0  # 2020-01-01
SPAN = 365 * 86400.0
PROBABILITIES = ("homophily", "group_signal", "category_signal", "relation_signal")
QUANTITIES = ("log_events", "logger", "noise_columns", "image_signal", "sound_signal")


@dataclass(frozen=True, kw_only=True)
class Planted(Reader):
    """A set whose truth is known: for tests, and to evaluate segments.

    Users, items, interactions are drawn by a known alpha and beta: rec = (1 - noise) alpha beta +
    noise popularity. Each user has a first segment and gives ``overlap`` of the mass to others
    (Dirichlet); each item has a home segment, is popular there by Zipf's law, and is drawn
    elsewhere only by noise. No pair stands twice. A user's ``age`` in years is 20 + 50 k/(K - 1) +
    N(0, 5^2), rounded, k the first segment from 0.

    What is drawn only where asked for (None, 0: not), each from draws of its own, so that the
    interactions stay the same:

    - ``homophily``: friendships; with that probability a friend is of one's own first segment, else
      anybody, so that a friend is of the same segment with probability h + (1 - h)/K where segments
      are of one size;
    - ``group_signal``: users' class ``group``, ``category_signal``: items' class ``category``: with
      that probability it is that of the first (home) segment, else any of the K, each alike;
    - ``noise_columns``: so many numbers ``noise 1`` .. of users and of items, N(0, 1), that say
      nothing;
    - ``image_signal``, ``sound_signal``: items' vectors ``image``, ``sound`` (D = 32): signal
      c_home + e, e ~ N(0, 1) in every dimension, centres c_k of length 1, orthogonal while K <= D.
      The nearest centre is then the home with probability E[Phi(z + signal)^(K-1)], z ~ N(0, 1);
      both together, each weighed by its signal, are as good as one of signal sqrt(s_image^2 +
      s_sound^2);
    - ``relation_signal``: typed edges 'made by' from every item to one brand and 'follows' from
      every user to three, of 4 K brands; with that probability a brand is one of the 4 of the home
      (first) segment, else any of all, so that an edge joins what shares a segment with probability
      s + (1 - s)/K;
    - ``log_events``: a log of so many showings, each of an item the user has not taken, by a
      declared logger of sharpness ``logger``; ``gnnseg.data.sets.answers`` says how they are
      answered and what a click on an item earns (``Truth.value``).

    Sources of error, by design: ages of neighbouring segments overlap; a class of the right name
    may be there by chance; vectors overlap by their noise, tell home segments and nothing of
    popularity, and items drawn outside their home by noise are misplaced by any of them.
    """

    preset: Literal["easy", "hard"] = "easy"
    users: int = 2000
    items: int = 1000
    segments: int = 16
    interactions: int = 100_000
    seed: int = 0
    homophily: float | None = None
    group_signal: float | None = None
    category_signal: float | None = None
    noise_columns: int = 0
    image_signal: float | None = None
    sound_signal: float | None = None
    relation_signal: float | None = None
    log_events: int = 0
    logger: float = 1.0

    def __post_init__(self) -> None:
        """Refuse, in one sentence, what cannot be drawn."""
        users, items, segments = self.users, self.items, self.segments
        if self.preset not in PRESETS:
            raise InputError(f"data.preset={self.preset}: must be one of {', '.join(PRESETS)}.")
        if segments < 1 or users < segments or items < segments:
            raise InputError(
                f"data.segments={segments}: needs at least as many users ({users}) and items "
                f"({items}) as segments."
            )
        if self.interactions < users or self.interactions > users * items // 4:
            raise InputError(
                f"data.interactions={self.interactions}: must lie between data.users={users} and a "
                f"quarter of all pairs ({users * items // 4})."
            )
        for key in PROBABILITIES:
            value = getattr(self, key)
            if value is not None and not 0 <= value <= 1:
                raise InputError(
                    f"data.{key}={value}: is a probability; set it to null or between 0 and 1."
                )
        for key in QUANTITIES:
            value = getattr(self, key)
            if value is not None and not 0 <= value < np.inf:
                raise InputError(f"data.{key}={value}: must be 0 or more, and finite.")

    def read(self, place: Place, name: str) -> Raw:
        """Draw the set; nothing is looked for anywhere."""
        return self.draw()

    def draw(self) -> Raw:
        """Draw the set."""
        p, rng = PRESETS[self.preset], Rng(self.seed).child("planted")
        g = rng.numpy("draw")
        first = g.permutation(np.arange(self.users) % self.segments)
        alpha = drawing.memberships(first, self.segments, p["overlap"], g)
        beta = drawing.tastes(self.items, self.segments, p["skew"], g)
        popularity = alpha.mean(0) @ beta
        activity = g.lognormal(0.0, p["activity"], self.users)
        activity = activity / activity.sum()
        user, item = drawing.pairs(
            alpha, beta, popularity, p["noise"], activity, self.interactions, g
        )
        rec = (1 - p["noise"]) * beta + p["noise"] * popularity
        truth = Truth(alpha, rec, answers.values(self.items, rng))
        home = truth.beta.argmax(0)
        events = {"user": user, "item": item, "time": START + np.floor(g.random(len(user)) * SPAN)}
        age = np.round(20 + 50 * first / max(self.segments - 1, 1) + g.normal(0, 5, self.users))
        log, logged = self._log(truth, user, item, rng) if self.log_events else (None, {})
        signal, segments = self.relation_signal, self.segments
        return Raw(
            name="planted",
            events=pl.DataFrame(events).with_columns(pl.col("user", "item").cast(pl.String)),
            users=self._people(first, age, rng),
            items=self._catalogue(home, rng),
            social=None if self.homophily is None else drawing.friends(first, self.homophily, g),
            relations=(
                () if signal is None else drawing.relations(first, home, segments, signal, rng)
            ),
            truth=truth,
            notes={"source": f"drawn: preset {self.preset}, data.seed={self.seed}", **logged},
            log=log,
        )

    def _people(self, first: Ints, age: np.ndarray[Any, Any], rng: Rng) -> pl.DataFrame:
        group = drawing.classes("group", first, self.segments, self.group_signal, rng)
        noise = drawing.noise("user", self.users, self.noise_columns, rng)
        known = pl.DataFrame({"id": np.arange(self.users), "age": age})
        return known.with_columns(pl.col("id").cast(pl.String), *group, *noise)

    def _catalogue(self, home: Ints, rng: Rng) -> pl.DataFrame:
        names = [f"segment {k + 1} item {n}" for n, k in enumerate(home)]
        category = drawing.classes("category", home, self.segments, self.category_signal, rng)
        noise = drawing.noise("item", self.items, self.noise_columns, rng)
        vectors = [
            drawing.vectors(name, signal, home, self.segments, self.seed)
            for name, signal in (("image", self.image_signal), ("sound", self.sound_signal))
            if signal is not None
        ]
        known = pl.DataFrame({"id": np.arange(self.items), "name": names})
        return known.with_columns(pl.col("id").cast(pl.String), *category, *noise, *vectors)

    def _log(
        self, truth: Truth, user: Ints, item: Ints, rng: Rng
    ) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Return what the simulated logger showed, and what to say of it."""
        shown, said = answers.draw(
            answers.Answers.of(truth, "planted"), user, item, self.log_events, self.logger, rng
        )
        who, what = (
            IdMap(np.arange(count).astype(str).astype(object)) for count in (self.users, self.items)
        )
        return logs.to_frame(shown, who, what), said
