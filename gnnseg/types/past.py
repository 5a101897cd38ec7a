"""What users took before: as of now, and before each of their training events.

Shape legend: U users, I items, E training events, P pairs, M half-lives, F traits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gnnseg.sparse import Csr


@dataclass(frozen=True)
class Past:
    """What each user has taken so far, more recent visits counting for more.

    ``taken`` (U,I): the pairs. ``share`` (P,M): each pair's part of its user's past, by half-life;
    over a user's pairs it sums to 1. ``traits`` (U,F): how much a user has taken, and how often the
    same again; of no meaning where a user has no pair. ``again`` (P,) float64: what a visit of the
    pair weighs in ``share``, as its item is taken again seldom or often; None: each alike.
    """

    taken: Csr
    share: Tensor
    traits: Tensor
    again: Tensor | None = None

    @property
    def any(self) -> Tensor:
        """Return (U,) which users have taken anything."""
        return self.taken.degrees()[0] > 0

    def to(self, device: torch.device | str) -> Past:
        """Return the same on a device."""
        again = None if self.again is None else self.again.to(device)
        return Past(self.taken.to(device), self.share.to(device), self.traits.to(device), again)


@dataclass(frozen=True)
class Earlier:
    """What each training event's user took in earlier visits; the event itself is not in it.

    ``pair`` (E,): the event's place among the training pairs. ``share`` (E,M): the item's part of
    that past, by half-life; ``traits`` (E,F): as ``Past`` has them, of that past; ``any`` (E,):
    whether there is one (on a first visit there is none).
    """

    pair: Tensor
    share: Tensor
    traits: Tensor
    any: Tensor

    def at(self, rows: Tensor | None) -> Earlier:
        """Return the same of some events, by number; None: of all."""
        if rows is None:
            return self
        return Earlier(self.pair[rows], self.share[rows], self.traits[rows], self.any[rows])

    def to(self, device: torch.device | str) -> Earlier:
        """Return the same on a device."""
        moved = {
            name: getattr(self, name).to(device) for name in ("pair", "share", "traits", "any")
        }
        return replace(self, **moved)
