"""Who is in no segment, and why: people of whom the model knows nothing.

Their alpha says how the model embeds nobody in particular; its largest is no segment of theirs.
Shape legend: B people, U users, F attribute columns, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.encoding import Encoding
from gnnseg.runs import inputs
from gnnseg.runs.inputs import Inputs
from gnnseg.types import Pairs

Bools = np.ndarray[Any, np.dtype[np.bool_]]
TELLING = {"features": "attributes", "social": "ties", "relations": "relations"}


def of_users(config: Mapping[str, Any], given: Inputs, user_UD: Tensor) -> list[str | None]:
    """Return why each user of a run is in no segment; None: they are in one (``placed``)."""
    return why(placed(config, given, user_UD), inputs.reads(config))


def placed(config: Mapping[str, Any], given: Inputs, user_UD: Tensor | None = None) -> Bools:
    """Return (U,) which users of a run are in a segment: those of whom anything is known.

    Without a training pair, somebody is in one where the encoder reads attributes and theirs are
    not those of somebody unknown, or where it reads ties or typed relations and theirs reach
    somebody known (else their embedding is zero).

    Args:
        config: the run's; its encoder reads something beside the interactions, or nothing.
        given: what the model was given.
        user_UD: embeddings; None, before there are any: whoever has ties counts as in one.
    """
    graph, reads = given.graph, inputs.reads(config)
    met_U = _any(graph.pattern.degrees()[0])
    tied_U = np.zeros(len(met_U), dtype=bool)
    if "social" in reads and graph.social is not None:
        tied_U |= _any(graph.social.degrees()[0])
    for edges in graph.relations if "relations" in reads else ():
        if edges.target == "user":
            tied_U |= _any(edges.pattern.degrees()[0])
    if user_UD is not None:
        tied_U &= _any(user_UD.abs().sum(-1))
    described_U = described(given.features.user, given.encoding, reads, len(met_U))
    return met_U | described_U | tied_U


def of_new_users(
    count: int,
    pairs: Pairs,
    attributes_BF: Tensor | None,
    ties_B: Tensor | None,
    encoding: Encoding,
    reads: Collection[str],
) -> list[str | None]:
    """Return why each of ``count`` new users is in no segment; None: they are in one.

    Args:
        count: B.
        pairs: what they have met of the run's items.
        attributes_BF: as the model reads them, or None.
        ties_B: how many ties they have to the run's users, or None.
        encoding: how attributes became numbers.
        reads: what the encoder reads beside the interactions.
    """
    known_B = np.bincount(pairs.user, minlength=count) > 0
    known_B |= described(attributes_BF, encoding, reads, count)
    if ties_B is not None and "social" in reads:
        known_B |= _any(ties_B)
    return why(known_B, reads)


def described(
    attributes_BF: Tensor | None, encoding: Encoding, reads: Collection[str], count: int
) -> Bools:
    """Return (B,) who has an attribute that the model reads."""
    if attributes_BF is None or "features" not in reads:
        return np.zeros(count, dtype=bool)
    unknown_F = torch.from_numpy(encoding.apply("user", 1, {})).to(attributes_BF.device)
    return _any((attributes_BF != unknown_F).sum(-1))


def why(known_B: Bools, reads: Collection[str]) -> list[str | None]:
    """Return 'no history' and what else could have told of those not known; None for the others."""
    lacking = [f"no {word}" for key, word in TELLING.items() if key in reads]
    reason = ", ".join(["no history", *lacking])
    return [None if each else reason for each in known_B.tolist()]


def _any(count_B: Tensor) -> Bools:
    return np.asarray((count_B > 0).cpu().numpy())
