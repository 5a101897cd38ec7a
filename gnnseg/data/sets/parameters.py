"""What planted interactions are drawn from: memberships, tastes and activity, by a named model.

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc

from gnnseg.data.sets import drawing
from gnnseg.types import Floats, Ints

MODELS = ("mixture", "blocks", "lda")
TOPIC = 0.1  # lda: mean parameter of a segment's Dirichlet over items (Griffiths & Steyvers 2004)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How hard a planted set is, and what its segments look like.

    ``overlap``: expected part of a user's mass outside the first segment; ``skew``: Zipf exponent
    of the items' popularity; ``activity``: spread of the users' event counts; ``inequality``: Zipf
    exponent of the segments' sizes; ``groups``: of segments, None: no groups; ``nesting``: share of
    a segment's taste that is its group's.
    """

    overlap: float
    skew: float
    activity: float
    inequality: float = 0.0
    groups: int | None = None
    nesting: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The expectation of every pair: user i's events fall on items by alpha_i beta.

    first (U,) largest membership; alpha (U,K), beta (K,I): rows sum to 1; popularity (I,): what all
    take together, sum 1; activity (U,): a user's share of the events.
    """

    first: Ints
    alpha: Floats
    beta: Floats
    popularity: Floats
    activity: Floats


def draw(
    model: str, users: int, items: int, segments: int, recipe: Recipe, g: np.random.Generator
) -> Parameters:
    """Draw the parameters of one of ``MODELS``; nested tastes where the recipe has groups."""
    made = {"mixture": mixture, "blocks": blocks, "lda": lda}[model]
    found = made(users, items, segments, recipe, g)
    if recipe.groups is None:
        return found
    beta = nested(found.beta, recipe.groups, recipe.nesting)
    weight = None if model == "mixture" else found.activity
    popularity: Floats = np.average(found.alpha, axis=0, weights=weight) @ beta
    return replace(found, beta=beta, popularity=popularity)


def mixture(
    users: int, items: int, segments: int, recipe: Recipe, g: np.random.Generator
) -> Parameters:
    """Draw users with a first segment and items at home in one, popular there by Zipf's law."""
    first = firsts(users, segments, recipe.inequality, g)
    alpha = drawing.memberships(first, segments, recipe.overlap, g)
    beta = drawing.tastes(items, segments, recipe.skew, g)
    popularity = alpha.mean(0) @ beta
    activity = g.lognormal(0.0, recipe.activity, users)
    return Parameters(
        first=first,
        alpha=alpha,
        beta=beta,
        popularity=popularity,
        activity=activity / activity.sum(),
    )


def blocks(
    users: int, items: int, segments: int, recipe: Recipe, g: np.random.Generator
) -> Parameters:
    """Draw a bipartite degree-corrected stochastic block model (Karrer & Newman 2011).

    Pairs of user i in block g_i and item j in block h_j come at rate theta_i phi_j omega[g_i, h_j].
    theta and phi follow Zipf's law, theta of exponent ``activity`` over all users, phi of ``skew``
    over all items; omega = (1 - noise) (pairs within blocks) + noise (the same degrees, no blocks),
    which is what noise from ``popularity`` comes to. With ``overlap`` blocks are mixed (Ball,
    Karrer & Newman 2011).
    """
    first = firsts(users, segments, recipe.inequality, g)
    alpha = drawing.memberships(first, segments, recipe.overlap, g)
    phi = zipf(items, recipe.skew, g)
    home = g.permutation(np.arange(items) % segments)
    beta = np.where(home == np.arange(segments)[:, None], phi, 0.0)
    beta /= beta.sum(1, keepdims=True)
    theta = zipf(users, recipe.activity, g)
    return Parameters(
        first=first, alpha=alpha, beta=beta, popularity=theta @ alpha @ beta, activity=theta
    )


def lda(
    users: int, items: int, segments: int, recipe: Recipe, g: np.random.Generator
) -> Parameters:
    """Draw by latent Dirichlet allocation (Blei, Ng & Jordan 2003): users mix topics.

    alpha_i ~ Dirichlet(a m), m the segments' shares and a such that the largest entry is 1 -
    overlap in expectation; beta_k ~ Dirichlet(0.1 I b), b Zipf over all items: segments share items
    and none is at home in one alone. The lengths of histories are lognormal.
    """
    share = shares(segments, recipe.inequality)
    alpha = g.dirichlet(concentration(share, recipe.overlap) * share, size=users)
    beta = g.dirichlet(TOPIC * items * zipf(items, recipe.skew, g), size=segments)
    activity = g.lognormal(0.0, recipe.activity, users)
    activity = activity / activity.sum()
    return Parameters(
        first=alpha.argmax(1),
        alpha=alpha,
        beta=beta,
        popularity=activity @ alpha @ beta,
        activity=activity,
    )


def nested(beta: Floats, groups: int, nesting: float) -> Floats:
    """Return tastes (K,I) of which ``nesting`` is the mean of the segment's group.

    Segment k from 0 is of group k // (K / groups): children of one group share tastes as
    hierarchical block models have it (Clauset, Moore & Newman 2008).
    """
    segments, items = beta.shape
    of_group = beta.reshape(groups, segments // groups, items).mean(1)
    found: Floats = (1 - nesting) * beta + nesting * of_group.repeat(segments // groups, axis=0)
    return found


def shares(segments: int, inequality: float) -> Floats:
    """Return the segments' shares of users, (K,): rank^-inequality, sum 1."""
    weight = np.arange(1, segments + 1.0) ** -inequality
    found: Floats = weight / weight.sum()
    return found


def sizes(users: int, segments: int, inequality: float) -> Ints:
    """Return how many users each segment has first, (K,): by ``shares``, at least one each.

    Largest remainders get what rounding leaves over.
    """
    wanted = shares(segments, inequality) * (users - segments)
    found = np.floor(wanted).astype(np.int64)
    rest = np.argsort(found - wanted, kind="stable")[: users - segments - found.sum()]
    found[rest] += 1
    return found + 1


def firsts(users: int, segments: int, inequality: float, g: np.random.Generator) -> Ints:
    """Draw each user's first segment, (U,), of as good as equal sizes or by ``sizes``."""
    if inequality == 0:
        return g.permutation(np.arange(users) % segments)
    return g.permutation(np.repeat(np.arange(segments), sizes(users, segments, inequality)))


def zipf(count: int, exponent: float, g: np.random.Generator) -> Floats:
    """Return weights rank^-exponent in drawn order, sum 1."""
    weight = g.permutation(np.arange(1, count + 1.0) ** -exponent)
    found: Floats = weight / weight.sum()
    return found


def concentration(share: Floats, overlap: float) -> float:
    """Return a > 0 such that alpha ~ Dirichlet(a share) has E[max alpha] = 1 - overlap.

    E[max alpha] = E[max G]/a with G_k ~ Gamma(a share_k) independent, as a Dirichlet's direction is
    independent of its Gammas' sum; E[max G] is the integral of 1 - prod_k F_k.
    """
    if len(share) == 1:
        return 1.0

    def surplus(log_a: float) -> float:
        return expected_largest(np.exp(log_a) * share) - (1 - overlap)

    found: float = np.exp(brentq(surplus, np.log(1e-3), np.log(1e5), xtol=1e-10))
    return found


def expected_largest(parameters: Floats) -> float:
    """Return E[max alpha] of alpha ~ Dirichlet(parameters), by quadrature over log x."""
    from scipy.integrate import trapezoid  # dear to import

    total = float(parameters.sum())
    t = np.linspace(-40.0, np.log(total + 40 * np.sqrt(total) + 60), 4001)
    x = np.exp(t)
    beyond = 1 - gammainc(parameters[:, None], x).prod(0)
    return float(trapezoid(beyond * x, t)) / total
