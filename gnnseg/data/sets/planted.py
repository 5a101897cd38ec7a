"""A drawn set whose truth is known: for tests, and for judging segments.

Shape legend: U users, I items, E interactions, K segments, D width of a modality's vectors.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import Raw
from gnnseg.data.sets import answers
from gnnseg.data.sets.fetching import Place
from gnnseg.rng import Rng
from gnnseg.types import IdMap, InputError, Truth

PRESETS: dict[str, dict[str, float]] = {
    # skew: Zipf exponent of the items' popularity in a segment; noise: share of events from
    # everybody's taste;
    # overlap: expected part of a user's mass outside the first segment; activity: spread of the
    # users' event counts.
    "easy": {"skew": 0.6, "noise": 0.05, "overlap": 0.1, "activity": 0.3},
    "hard": {"skew": 1.0, "noise": 0.3, "overlap": 0.35, "activity": 0.8},
}
DAY = 86400.0
START = 1577836800.0  # 2020-01-01
SPAN = 365 * DAY
ROUNDS = 60  # of drawing until enough distinct pairs are there
FRIENDS = 5  # named by every user
WIDTH = 32  # D of an item's vector in one modality


def planted(
    place: Place,
    *,
    name: str,
    preset: Literal["easy", "hard"],
    users: int,
    items: int,
    segments: int,
    interactions: int,
    seed: int,
    homophily: float | None,
    group_signal: float | None,
    category_signal: float | None,
    noise_columns: int,
    image_signal: float | None,
    sound_signal: float | None,
    log_events: int,
    logger: float,
) -> Raw:
    """Draw a set whose truth is known, as a data node describes it; ``draw`` says how."""
    return draw(
        preset=preset, users=users, items=items, segments=segments, interactions=interactions,
        seed=seed,
        homophily=homophily, group_signal=group_signal, category_signal=category_signal,
        noise_columns=noise_columns,
        image_signal=image_signal, sound_signal=sound_signal, log_events=log_events, logger=logger,
    )  # fmt: skip


def draw(
    *,
    preset: str,
    users: int,
    items: int,
    segments: int,
    interactions: int,
    seed: int,
    homophily: float | None = None,
    group_signal: float | None = None,
    category_signal: float | None = None,
    noise_columns: int = 0,
    image_signal: float | None = None,
    sound_signal: float | None = None,
    log_events: int = 0,
    logger: float = 1.0,
) -> Raw:
    """Users, items, interactions by a known alpha and beta: rec = (1 - noise) alpha beta + noise
    popularity.

    Each user has a first segment and gives ``overlap`` of the mass to others (Dirichlet); each item
    has a home segment, is popular there by Zipf's law, and is drawn elsewhere only by noise. No
    pair stands twice. A user's ``age`` in years is 20 + 50 k/(K - 1) + N(0, 5^2), rounded, k the
    first segment from 0.

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
    - ``log_events``: a log of so many showings, each of an item the user has not taken, by a
      declared logger of sharpness ``logger``; ``gnnseg.data.sets.answers`` says how they are
      answered and what a click on an item earns (``Truth.value``).

    Sources of error, by design: ages of neighbouring segments overlap; a class of the right name
    may be there by chance; vectors overlap by their noise, tell home segments and nothing of
    popularity, and items drawn outside their home by noise are misplaced by any of them.
    """
    if preset not in PRESETS:
        raise InputError(f"data.preset={preset}: must be one of {', '.join(PRESETS)}.")
    if segments < 1 or users < segments or items < segments:
        raise InputError(
            f"data.segments={segments}: needs at least as many users ({users}) and items ({items}) "
            "as segments."
        )
    if interactions < users or interactions > users * items // 4:
        raise InputError(
            f"data.interactions={interactions}: must lie between data.users={users} and a quarter "
            f"of all pairs ({users * items // 4})."
        )
    for key, value in (
        ("homophily", homophily),
        ("group_signal", group_signal),
        ("category_signal", category_signal),
    ):
        if value is not None and not 0 <= value <= 1:
            raise InputError(
                f"data.{key}={value}: is a probability; set it to null or between 0 and 1."
            )
    for key, value in (
        ("log_events", log_events),
        ("logger", logger),
        ("noise_columns", noise_columns),
        ("image_signal", image_signal),
        ("sound_signal", sound_signal),
    ):
        if value is not None and not 0 <= value < np.inf:
            raise InputError(f"data.{key}={value}: must be 0 or more, and finite.")
    p, rng = PRESETS[preset], Rng(seed).child("planted")
    g = rng.numpy("draw")
    first = g.permutation(np.arange(users) % segments)
    alpha = _memberships(first, segments, p["overlap"], g)
    beta = _tastes(items, segments, p["skew"], g)
    popularity = alpha.mean(0) @ beta
    rec_noise = p["noise"]
    activity = g.lognormal(0.0, p["activity"], users)
    user, item = _pairs(
        alpha, beta, popularity, rec_noise, activity / activity.sum(), interactions, g
    )
    truth = Truth(
        alpha, (1 - rec_noise) * beta + rec_noise * popularity, answers.values(items, rng)
    )
    time = START + np.floor(g.random(len(user)) * SPAN)
    home = truth.beta.argmax(0)
    names = [f"segment {k + 1} item {n}" for n, k in enumerate(home)]
    age = np.round(20 + 50 * first / max(segments - 1, 1) + g.normal(0, 5, users))
    social = None if homophily is None else _friends(first, homophily, g)
    more_of_users = _classes("group", first, segments, group_signal, rng) + _noise(
        "user", users, noise_columns, rng
    )
    more_of_items = _classes("category", home, segments, category_signal, rng) + _noise(
        "item", items, noise_columns, rng
    )
    for name, signal in (("image", image_signal), ("sound", sound_signal)):
        if signal is not None:
            vectors = signal * centres(name, segments, seed)[home] + rng.numpy(name).normal(
                size=(items, WIDTH)
            )
            more_of_items.append(pl.Series(name, vectors.tolist(), dtype=pl.List(pl.Float64)))
    log: pl.DataFrame | None = None
    said: dict[str, Any] = {}
    if log_events:
        shown, said = answers.draw(
            answers.Answers.of(truth, "planted"), user, item, log_events, logger, rng
        )
        who, what = (IdMap(np.arange(count).astype(str).astype(object)) for count in (users, items))
        log = logs.to_frame(shown, who, what)
    return Raw(
        name="planted",
        events=pl.DataFrame({"user": user, "item": item, "time": time}).with_columns(pl.col("user", "item").cast(pl.String)),
        users=pl.DataFrame({"id": np.arange(users), "age": age}).with_columns(pl.col("id").cast(pl.String), *more_of_users),
        items=pl.DataFrame({"id": np.arange(items), "name": names}).with_columns(pl.col("id").cast(pl.String), *more_of_items),
        social=social, relations=(), truth=truth, notes={"source": f"drawn: preset {preset}, data.seed={seed}", **said},
        log=log,
    )  # fmt: skip


def centres(modality: str, segments: int, seed: int) -> np.ndarray[Any, Any]:
    """(K,D) each segment's centre in a modality: rows of length 1 in drawn directions, orthogonal
    while K <= D."""
    drawn = (
        Rng(seed).child("planted").numpy(f"centres of {modality}").normal(size=(segments, WIDTH))
    )
    if segments <= WIDTH:
        drawn = np.linalg.qr(drawn.T)[0].T
    unit: np.ndarray[Any, Any] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def _classes(
    name: str, segment: np.ndarray[Any, Any], segments: int, signal: float | None, rng: Rng
) -> list[pl.Series]:
    """A class column: 'NAME k' of the own segment with probability ``signal``, else of any; classes
    bear no segment's number."""
    if signal is None:
        return []
    g = rng.numpy(name)
    label = g.permutation(segments)
    told = np.where(
        g.random(len(segment)) < signal, segment, g.integers(segments, size=len(segment))
    )
    return [pl.Series(name, [f"{name} {k + 1}" for k in label[told]])]


def _noise(kind: str, count: int, columns: int, rng: Rng) -> list[pl.Series]:
    """Numbers that say nothing of anybody's segment."""
    return [
        pl.Series(f"noise {n + 1}", rng.numpy(f"noise {n + 1} of {kind}").normal(size=count))
        for n in range(columns)
    ]


def _memberships(
    first: np.ndarray[Any, Any], segments: int, overlap: float, g: np.random.Generator
) -> np.ndarray[Any, Any]:
    """(U,K): 1 - o on the first segment, o spread over the others by Dirichlet(.3); o is Beta with
    mean ``overlap``."""
    users = len(first)
    if segments == 1:
        return np.ones((users, 1))
    other = g.beta(2.0, 2.0 * (1 - overlap) / overlap, users).clip(max=0.45)
    spread = g.gamma(0.3, size=(users, segments)) + 1e-9
    spread[np.arange(users), first] = 0
    alpha: np.ndarray[Any, Any] = other[:, None] * spread / spread.sum(1, keepdims=True)
    alpha[np.arange(users), first] = 1 - other
    return alpha


def _tastes(items: int, segments: int, skew: float, g: np.random.Generator) -> np.ndarray[Any, Any]:
    """(K,I): each item at home in one segment, popular there by Zipf's law rank^-skew."""
    home = g.permutation(np.arange(items) % segments)
    beta = np.zeros((segments, items))
    for k in range(segments):
        own = g.permutation(np.flatnonzero(home == k))
        weight = np.arange(1, len(own) + 1.0) ** -skew
        beta[k, own] = weight / weight.sum()
    return beta


def _pairs(
    alpha: np.ndarray[Any, Any], beta: np.ndarray[Any, Any], popularity: np.ndarray[Any, Any],
    noise: float,
    activity: np.ndarray[Any, Any], wanted: int, g: np.random.Generator,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Distinct (user, item) pairs, E of them: users by activity (each at least once), segments by
    alpha, items by beta."""
    users, items = len(alpha), beta.shape[1]
    cumulative_alpha = alpha.cumsum(1)
    cumulative_beta = np.vstack([beta, popularity]).cumsum(1)
    cumulative_users = activity.cumsum()
    found = np.empty(0, dtype=np.int64)
    for turn in range(ROUNDS):
        short = wanted - len(found)
        if short <= 0:
            break
        extra = np.arange(users) if turn == 0 else np.empty(0, dtype=np.int64)
        count = max(0, int(short * 1.1) + 10 - len(extra))
        user = np.concatenate(
            [
                extra,
                np.searchsorted(
                    cumulative_users, g.random(count) * cumulative_users[-1], side="right"
                ).clip(max=users - 1),
            ]
        )
        segment = (
            (g.random(len(user))[:, None] > cumulative_alpha[user])
            .sum(1)
            .clip(max=beta.shape[0] - 1)
        )
        segment = np.where(g.random(len(user)) < noise, beta.shape[0], segment)
        item = np.empty(len(user), dtype=np.int64)
        order = np.argsort(segment, kind="stable")
        cuts = np.searchsorted(segment[order], np.arange(beta.shape[0] + 2))
        for k in range(beta.shape[0] + 1):
            rows = order[cuts[k] : cuts[k + 1]]
            item[rows] = np.searchsorted(
                cumulative_beta[k], g.random(len(rows)) * cumulative_beta[k, -1], side="right"
            ).clip(max=items - 1)
        fresh = np.unique(user * items + item)
        found = fresh if turn == 0 else np.union1d(found, fresh)
        if len(found) > wanted:
            keep = g.permutation(len(found))[:wanted]
            found = np.sort(found[keep])
    missing = np.setdiff1d(np.arange(users), found // items)
    if len(missing):  # thinned away: each gets the item its segments like best
        best = (alpha[missing] @ beta).argmax(1)
        found = np.union1d(found, missing * items + best)
    return found // items, found % items


def _friends(first: np.ndarray[Any, Any], homophily: float, g: np.random.Generator) -> pl.DataFrame:
    """``FRIENDS`` named by every user; oneself, and who is named twice, count once or not at all."""
    users = len(first)
    source = np.repeat(np.arange(users), FRIENDS)
    anybody = g.integers(users, size=len(source))
    order = np.argsort(first, kind="stable")
    start = np.searchsorted(first[order], np.arange(first.max() + 2))
    size = (start[1:] - start[:-1])[first[source]]
    own = order[start[first[source]] + np.floor(g.random(len(source)) * size).astype(np.int64)]
    target = np.where(g.random(len(source)) < homophily, own, anybody)
    keep = source != target
    pairs = np.unique(source[keep] * users + target[keep])
    return pl.DataFrame({"source": pairs // users, "target": pairs % users}).with_columns(
        pl.all().cast(pl.String), weight=pl.lit(1.0)
    )
