"""What is not known of a new user, as their history and what is known of them say it.

Shape legend: U trained users, B new users, F attribute columns, P numbers a history is read as, D
width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.models.histories import Histories
from gnnseg.models.regression import Regression


class Imputation:
    """What new users are by expectation, of whom less is known than of the trained ones.

    Attributes that were not given are regressed on those that were and on the history, over the
    trained users (conditional mean imputation, Little & Rubin 2002).

    Args:
        histories: As the trained users' are read.
        trained_UF: The trained users' attributes, or None.
    """

    def __init__(self, histories: Histories, trained_UF: Tensor | None) -> None:
        self._trained_UP, self._known_U = histories.trained_UP, histories.known_U
        empty_UF = self._trained_UP[:, :0]
        self._trained_UF = empty_UF if trained_UF is None else trained_UF
        self._fitted: dict[tuple[object, ...], Regression] = {}

    def attributes(self, given_BF: Tensor, known_F: Tensor, history_BP: Tensor) -> Tensor:
        """Return attributes, (B,F), those filled in that are not among the columns ``known_F``."""
        old_UF = self._trained_UF[self._known_U]
        old, new = (
            torch.cat([history, rows[:, known_F]], 1)
            for history, rows in (
                (self._trained_UP[self._known_U], old_UF), (history_BP, given_BF)
            )
        )  # fmt: skip
        filled_BF = given_BF.clone()
        fitted = self._fit(("attributes", *known_F.tolist()), old, old_UF[:, ~known_F])
        filled_BF[:, ~known_F] = fitted.predict(new)
        return filled_BF

    def trained_attributes(self, known_F: Tensor) -> Tensor:
        """Return the trained users' attributes, (U,F), as if no more were known of them."""
        return self.attributes(self._trained_UF, known_F, self._trained_UP)

    def embeddings(
        self,
        target_UD: Tensor,
        guess_UD: Tensor,
        guess_BD: Tensor,
        given_BF: Tensor,
        known_F: Tensor,
        history_BP: Tensor,
        trained_UP: Tensor | None = None,
    ) -> Tensor:
        """Return new users' embeddings, (B,D), by what the trained users' are beside a guess.

        Args:
            target_UD: The trained users'.
            guess_UD: A guess at them that knows no more than is known of new users.
            guess_BD: The same guess at the new users.
            given_BF: The new users' attributes.
            known_F: Bool, which columns of them were given.
            history_BP: What their histories are read as.
            trained_UP: The trained users' read so; None: as ``Histories.taste`` does.
        """
        trained_UP = self._trained_UP if trained_UP is None else trained_UP
        old, new = (
            torch.cat([history, rows[:, known_F], guess], 1)
            for history, rows, guess in (
                (trained_UP, self._trained_UF, guess_UD), (history_BP, given_BF, guess_BD)
            )
        )  # fmt: skip
        key = ("embeddings", trained_UP.shape[1], *known_F.tolist())
        known_U = self._known_U
        return self._fit(key, old[known_U], target_UD[known_U]).predict(new)

    def _fit(self, key: tuple[object, ...], inputs: Tensor, targets: Tensor) -> Regression:
        if key not in self._fitted:
            self._fitted[key] = Regression(inputs, targets)
        return self._fitted[key]
