"""What is not known of a new user, as their history and what is known of them say it.

Shape legend: U trained users, B new users, I items, F attribute columns, P numbers a history is
read as, T targets, K segments, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.vectors import unit
from gnnseg.sparse import spmm
from gnnseg.types import Scorer, Segmentation

TYPICAL = 10.0  # interactions after which half of a history's mean is believed
FLOOR = 1e-12
PENALTIES = tuple(10.0**power for power in range(-1, 6))  # tried, the best by leaving one out


class Regression:
    """A ridge regression (Hoerl & Kennard 1970), its penalty by leave-one-out error."""

    def __init__(self, inputs_UP: Tensor, targets_UT: Tensor) -> None:
        from sklearn.linear_model import RidgeCV

        y = targets_UT.double().cpu().numpy()
        self._fitted = RidgeCV(alphas=PENALTIES).fit(inputs_UP.double().cpu().numpy(), y)
        self._low_T, self._high_T = targets_UT.min(0).values, targets_UT.max(0).values

    def predict(self, inputs_BP: Tensor) -> Tensor:
        """Return (B,T), no target beyond what training saw of it."""
        found = self._fitted.predict(inputs_BP.double().cpu().numpy())
        found_BT = torch.from_numpy(found).reshape(len(inputs_BP), -1).to(self._low_T)
        return found_BT.clamp(self._low_T, self._high_T)


class Imputation:
    """What new users are by expectation, of whom less is known than of the trained ones.

    Attributes that were not given are regressed on those that were and on the history, over the
    trained users (conditional mean imputation, Little & Rubin 2002). A history is read as the mean
    of its items' vectors, less the trained users' mean, times n/(n + ``TYPICAL``) of n items: who
    has met nothing is at 0, an average user.
    """

    def __init__(self, graph: BipartiteGraph, items_IP: Tensor, trained_UF: Tensor | None) -> None:
        """Read the trained users' histories.

        Args:
            graph: Of the training pairs.
            items_IP: A vector of each item.
            trained_UF: The trained users' attributes.
        """
        self._items_IP = items_IP
        self._known_U = graph.pattern.degrees()[0] > 0
        mean_UP = self._means(graph)[self._known_U]
        self._centre_P = mean_UP.mean(0) if len(mean_UP) else items_IP.new_zeros(items_IP.shape[1])
        self._trained_UP = self.history(graph)
        empty_UF = items_IP.new_zeros(graph.users, 0)
        self._trained_UF = empty_UF if trained_UF is None else trained_UF
        self._fitted: dict[tuple[object, ...], Regression] = {}

    def history(self, graph: BipartiteGraph) -> Tensor:
        """Return what histories are read as, (B,P)."""
        n = graph.pattern.degrees()[0][:, None]
        return (self._means(graph) - self._centre_P) * (n / (n + TYPICAL))

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
    ) -> Tensor:
        """Return new users' embeddings, (B,D), by what the trained users' are beside a guess.

        Args:
            target_UD: The trained users'.
            guess_UD: A guess at them that knows no more than is known of new users.
            guess_BD: The same guess at the new users.
            given_BF: The new users' attributes.
            known_F: Bool, which columns of them were given.
            history_BP: What their histories are read as.
        """
        old, new = (
            torch.cat([history, rows[:, known_F], guess], 1)
            for history, rows, guess in (
                (self._trained_UP, self._trained_UF, guess_UD), (history_BP, given_BF, guess_BD)
            )
        )  # fmt: skip
        key = ("embeddings", *known_F.tolist())
        known_U = self._known_U
        return self._fit(key, old[known_U], target_UD[known_U]).predict(new)

    def _fit(self, key: tuple[object, ...], inputs: Tensor, targets: Tensor) -> Regression:
        if key not in self._fitted:
            self._fitted[key] = Regression(inputs, targets)
        return self._fitted[key]

    def _means(self, graph: BipartiteGraph) -> Tensor:
        """Return the mean vector of what each has met, (B,P)."""
        n = graph.pattern.degrees()[0].clamp(min=1).to(self._items_IP)
        return spmm(graph.pattern, n.reciprocal()[graph.pattern.row], self._items_IP)


def item_vectors(scorer: Scorer, item_ID: Tensor) -> Tensor:
    """Return what items are read as in a history, (I,P): unit embeddings, and log beta by segment.

    The mean of log beta_kj over a history says how likely each segment makes it. Each of the two
    has one unit of variance an item in all.
    """
    parts = [unit(item_ID)]
    if isinstance(scorer, Segmentation) and bool((scorer.beta >= 0).all()):
        log_IK = scorer.beta.T.clamp(min=FLOOR).log()
        parts.append(log_IK - log_IK.mean(1, keepdim=True))
    return torch.cat([part / part.std(0).norm().clamp(min=FLOOR) for part in parts], 1)
