"""What every source of data is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnnseg.data.raw import Raw
    from gnnseg.data.sets.fetching import Place


class Reader(ABC):
    """A source of data: settings in, tables by original ids out.

    A data set of your own is a class derived from this one, named by ``data._target_``. Its
    settings are the keyword-only arguments of its constructor, and stand in its YAML beside name,
    root, min_weight and k_core, which the framework keeps for itself.
    """

    @abstractmethod
    def read(self, place: Place, name: str) -> Raw:
        """Read the set.

        Args:
            place: Where to look (``root``, ``find``) and how to tell the user (``say``).
            name: What the set is called in run folders and reports, ``data.name``.

        Returns:
            Events and what is known beside them, neither cleaned nor indexed.

        Raises:
            InputError: In one sentence, for data that are not there or cannot be read.
        """
