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
from gnnseg.data.sets import answers, drawing, parameters
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.rng import Rng
from gnnseg.types import IdMap, InputError, Ints, Truth

PRESETS: dict[str, dict[str, float]] = {
    # skew: Zipf exponent of the items' popularity in a segment; noise: share of events from
    # everybody's taste; overlap: expected part of a user's mass outside the first segment;
    # activity: spread of the users' event counts.
    "easy": {"skew": 0.6, "noise": 0.05, "overlap": 0.1, "activity": 0.3},
    "medium": {"skew": 0.8, "noise": 0.15, "overlap": 0.2, "activity": 0.5},
    "hard": {"skew": 1.0, "noise": 0.3, "overlap": 0.35, "activity": 0.8},
}
START = 1577836800.0  # 2020-01-01
SPAN = 365 * 86400.0
PROBABILITIES = (
    "homophily",
    "group_signal",
    "category_signal",
    "relation_signal",
    "noise",
    "nesting",
    "random_edges",
    "missing_edges",
)
QUANTITIES = (
    "log_events",
    "logger",
    "noise_columns",
    "image_signal",
    "sound_signal",
    "skew",
    "activity",
    "inequality",
)


@dataclass(frozen=True, kw_only=True)
class Planted(Reader):
    """A set whose truth is known: for tests, and to evaluate segments.

    Users, items, interactions are drawn by a known alpha and beta: rec = (1 - noise) alpha beta +
    noise popularity. Each user has a first segment and gives ``overlap`` of the mass to others
    (Dirichlet); each item has a home segment, is popular there by Zipf's law, and is drawn
    elsewhere only by noise. No pair stands twice. A user's ``age`` in years is 20 + 50 k/(K - 1) +
    N(0, 5^2), rounded, k the first segment from 0.

    Other truths, each with every setting below:

    - ``model``: 'mixture' as said, 'blocks' (degree-corrected stochastic block model, Karrer &
      Newman 2011) or 'lda' (Dirichlet memberships and tastes, Blei, Ng & Jordan 2003):
      ``gnnseg.data.sets.parameters``;
    - ``groups``: segments nested in so many groups of K / groups each; ``nesting`` of a segment's
      taste is the mean of its group's, segment k from 0 is of group k // (K / groups);
    - ``inequality``: Zipf exponent of the segments' sizes, 0: equal;
    - ``noise``, ``overlap``, ``skew``, ``activity``: the preset's where None (blocks' overlap: 0);
    - ``random_edges``: share of the pairs whose item is any at all; ``missing_edges``: share of the
      pairs drawn that are then lost at random, one of every user's staying.

    ``Truth.alpha`` and ``Truth.beta`` are exact: a user's next event before repeats are refused is
    item j with probability (alpha beta)_ij, noise and random items included.

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

    preset: Literal["easy", "medium", "hard"] = "easy"
    users: int = 2000
    items: int = 1000
    segments: int = 16
    interactions: int = 100_000
    seed: int = 0
    model: Literal["mixture", "blocks", "lda"] = "mixture"
    groups: int | None = None
    nesting: float = 0.5
    inequality: float = 0.0
    noise: float | None = None
    overlap: float | None = None
    skew: float | None = None
    activity: float | None = None
    random_edges: float = 0.0
    missing_edges: float = 0.0
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

        self._check_truth()

    def _check_truth(self) -> None:
        """Refuse a model, groups or overlap that cannot be."""
        if self.model not in parameters.MODELS:
            known = ", ".join(parameters.MODELS)
            raise InputError(f"data.model={self.model}: must be one of {known}.")
        if self.groups is not None and (self.groups < 1 or self.segments % self.groups):
            raise InputError(
                f"data.groups={self.groups}: must divide data.segments={self.segments} into groups "
                "of as many segments each."
            )
        if self.missing_edges == 1:
            raise InputError("data.missing_edges=1.0: leaves nothing; set it below 1.")
        low, high = 0.0, drawing.OUTSIDE
        if self.model == "lda":
            largest = parameters.shares(self.segments, self.inequality).max()
            low, high = 0.001, 0.95 * (1 - largest)
        overlap = self.recipe.overlap
        if self.segments > 1 and not low <= overlap <= high:
            raise InputError(
                f"data.overlap={overlap}: must lie between {low:g} and {high:.3g} where "
                f"data.model={self.model}, data.segments={self.segments} and "
                f"data.inequality={self.inequality}."
            )

    def _setting(self, name: str) -> float:
        """Return how hard the set is in one respect: as set, else as the preset says."""
        value: float | None = getattr(self, name)
        if value is not None:
            return value
        return 0.0 if (self.model, name) == ("blocks", "overlap") else PRESETS[self.preset][name]

    @property
    def recipe(self) -> parameters.Recipe:
        """What memberships, tastes and activity are drawn by."""
        return parameters.Recipe(
            overlap=self._setting("overlap"),
            skew=self._setting("skew"),
            activity=self._setting("activity"),
            inequality=self.inequality,
            groups=self.groups,
            nesting=self.nesting,
        )

    def read(self, place: Place, name: str) -> Raw:
        """Draw the set; nothing is looked for anywhere."""
        return self.draw()

    def draw(self) -> Raw:
        """Draw the set."""
        rng = Rng(self.seed).child("planted")
        g = rng.numpy("draw")
        p = parameters.draw(self.model, self.users, self.items, self.segments, self.recipe, g)
        first = p.first
        noise, background = drawing.background(
            p.popularity, self._setting("noise"), self.random_edges
        )
        user, item = drawing.pairs(
            p.alpha, p.beta, background, noise, p.activity, self.interactions, g
        )
        user, item = drawing.thinned(user, item, self.missing_edges, rng)
        rec = (1 - noise) * p.beta + noise * background
        truth = Truth(p.alpha, rec, answers.values(self.items, rng))
        home = truth.beta.argmax(0)
        events = {"user": user, "item": item, "time": START + np.floor(g.random(len(user)) * SPAN)}
        age = np.round(20 + 50 * first / max(self.segments - 1, 1) + g.normal(0, 5, self.users))
        log, logged = self._log(truth, user, item, rng) if self.log_events else (None, {})
        signal, segments = self.relation_signal, self.segments
        how = f"{'' if self.model == 'mixture' else self.model + ', '}preset {self.preset}"
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
            notes={"source": f"drawn: {how}, data.seed={self.seed}", **logged},
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
