"""A model that starts where an earlier one ended: rows by id, segments by their members.

Shape legend: U users, I items of today, V users then, K segments of today, L segments then, D
width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.tables import EmbeddingTables
from gnnseg.models.heads import NumberedHead, WarmedHead
from gnnseg.models.heads.base import FLOOR, ItemBias
from gnnseg.models.model import Model
from gnnseg.models.objectives.base import Objective
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.types import Batch, Features, Ints, Segmentation, Step

OF_TRAINING = {"started"}  # of a head: how far a training is (``WarmedHead``), nothing it learned

Slot = tuple[str, str]  # a parameter's name, and what its rows are: 'user', 'item' or 'whole'


@dataclass(frozen=True, kw_only=True)
class Former:
    """What an earlier run leaves to a later one.

    Args:
        users: (U,) each user's row then, -1 of those who are new; so ``items``, (I,).
        alpha_VK: P(segment | user) then, of the users of then, by the segments of today
            (``by_segments``).
        weights: The model's parameters then, by name; empty: the segments alone are carried.
        counts: How many users and items there were.
        same_encoder: Whether the encoder is of the same class and reads the same columns, so that
            its parameters mean the same.
        same_head: Whether the head is of the same class and has the same segments.
    """

    users: Ints
    items: Ints
    alpha_VK: Tensor
    weights: Mapping[str, Tensor]
    counts: tuple[int, int]
    same_encoder: bool
    same_head: bool


def by_segments(alpha_VL: Tensor, segments: int) -> tuple[Tensor, list[int]]:
    """Return earlier memberships by K segments of today, (V,K), and which earlier ones they are.

    Fewer: the largest are kept, in their order, and rows sum to what is kept of a user; more: those
    that are added are nobody's.
    """
    kept = alpha_VL.sum(0).argsort(descending=True, stable=True)[:segments].sort().values
    alpha_VK = alpha_VL.new_zeros(len(alpha_VL), segments)
    alpha_VK[:, : len(kept)] = alpha_VL[:, kept]
    return alpha_VK, kept.tolist()


@torch.no_grad()
def carry(
    model: Model, former: Former, graph: BipartiteGraph, features: Features, rng: Rng
) -> bool:
    """Give a model with first values what an earlier one ended with, as far as it fits.

    Rows go by id. The first values of whoever is new are turned into the earlier axes by the
    rotation that takes the others' there (orthogonal Procrustes, Schoenemann 1966), since an
    embedding means something in its own axes alone. Prototypes are the earlier ones where encoder,
    head and K are the same, else the means of the segments' members.

    Args:
        model: After ``reset``.
        former: The earlier run.
        graph: Of the training pairs.
        features: Attributes.
        rng: Of prototypes where there are more segments than then.

    Returns:
        Whether the encoder's weights were carried; False where they do not fit (another encoder or
        width).
    """
    fits = former.same_encoder and _fits(model.encoder, former, "encoder.")
    if fits:
        _copy(model.encoder, former, "encoder.")
    if fits and former.same_head and _fits(model.head, former, "head."):
        _copy(model.head, former, "head.")
        if isinstance(model.head, WarmedHead):
            model.head.skip()
    elif isinstance(model.head, NumberedHead):
        user_UD = model.embed(graph, features).user_UD
        model.head.start_at(centres(user_UD, former, rng))
    return fits


def centres(user_UD: Tensor, former: Former, rng: Rng) -> Tensor:
    """Return prototypes of today's users by yesterday's memberships, (K,D).

    c_k = sum_i alpha_ik user_i/|user_i| / sum_i alpha_ik over those who stayed. Segments that are
    nobody's yet: users far from all others, drawn by their squared distance (k-means++, Arthur &
    Vassilvitskii 2007).
    """
    stayed = former.users >= 0
    rows_UD = unit(user_UD.detach().cpu()).double()
    alpha_SK = former.alpha_VK[torch.from_numpy(former.users[stayed])].double()
    mass_K = alpha_SK.sum(0)
    mean_KD = alpha_SK.T @ rows_UD[torch.from_numpy(stayed)] / mass_K.clamp(min=1e-12)[:, None]
    draws = rng.numpy("prototypes")
    for k in (mass_K == 0).nonzero().squeeze(-1).tolist():
        there = unit(mean_KD[(mean_KD != 0).any(-1)])
        distance_U = 1 - (rows_UD @ there.T).max(-1).values
        chance = distance_U.clamp(min=1e-12).numpy()
        mean_KD[k] = rows_UD[int(draws.choice(len(chance), p=chance / chance.sum()))]
    return mean_KD.to(user_UD)


class Keep(Objective):
    """A pull towards the memberships of before: -mean_i sum_k a_ik log alpha_ik, a of before.

    Of users who were there then, or those of them that a batch asks for; what a user does now moves
    them where it says more than the pull does. It holds nothing that a run folder would keep.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"segments"})

    def __init__(self, former: Former) -> None:
        super().__init__()
        stayed = torch.from_numpy(former.users >= 0)
        alpha_UK = former.alpha_VK[torch.from_numpy(np.maximum(former.users, 0))]
        target_UK = torch.where(stayed[:, None], alpha_UK.float(), 0.0)
        self.register_buffer("target_UK", target_UK, persistent=False)

    target_UK: Tensor

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean over the users there are; 0 where there are no segments yet."""
        users = step.embeddings.users
        if not isinstance(step.scorer, Segmentation):
            return step.embeddings.user_UD.sum() * 0
        target = self.target_UK if users is None else self.target_UK[users]
        log_BK = step.scorer.memberships(None).clamp(min=FLOOR).log()
        known = (target.sum(-1) > 0).sum().clamp(min=1)
        return -(target * log_BK).sum() / known


def _slots(module: nn.Module, former: Former) -> Iterator[Slot]:
    """Yield the parameters and buffers of a part, by what their rows are."""
    rows: dict[str, str] = {}
    for name, part in module.named_modules():
        dot = f"{name}." if name else ""
        if isinstance(part, EmbeddingTables):
            rows |= {f"{dot}user": "user", f"{dot}item": "item"}
        if isinstance(part, ItemBias):
            rows[f"{dot}value"] = "item"
    for name in module.state_dict():
        if name not in OF_TRAINING:
            yield name, rows.get(name, "whole")


def _fits(module: nn.Module, former: Former, prefix: str) -> bool:
    """Return whether every parameter was there then, of the same width.

    What counts users or items and does not say so, as somebody else's may, does not.
    """
    here: dict[str, Any] = module.state_dict()
    then = {
        name.removeprefix(prefix): value
        for name, value in former.weights.items()
        if name.startswith(prefix)
    }
    if here.keys() - OF_TRAINING != then.keys() - OF_TRAINING:
        return False
    for name, kind in _slots(module, former):
        mine, was = here[name], then[name]
        if kind == "whole":
            if mine.shape != was.shape or (mine.dim() and len(was) in former.counts):
                return False
        elif mine.shape[1:] != was.shape[1:]:
            return False
    return True


def _copy(module: nn.Module, former: Former, prefix: str) -> None:
    """Copy an earlier part's parameters into this one."""
    here: dict[str, Tensor] = module.state_dict()  # its tensors are the module's own
    tables = {name: kind for name, kind in _slots(module, former) if kind != "whole"}
    for name, kind in _slots(module, former):
        if kind == "whole":
            here[name].copy_(former.weights[prefix + name])
    rows = {"user": former.users, "item": former.items}
    wide = [name for name in tables if here[name].dim() == 2]
    turn = None
    if wide:
        both = ((here[n].cpu(), former.weights[prefix + n].cpu(), rows[tables[n]]) for n in wide)
        turn = _rotation(list(both))
    for name, kind in tables.items():
        was, place = former.weights[prefix + name].to(here[name]), torch.from_numpy(rows[kind])
        stayed = place >= 0
        if turn is not None:
            here[name].copy_(here[name] @ turn.to(here[name]))
        elif stayed.any():  # a bias is known up to a constant: that of those who stayed
            at = stayed.to(was.device)
            here[name].add_((was[place[stayed]] - here[name][at]).mean())
        here[name][stayed.to(was.device)] = was[place[stayed].to(was.device)]


def _rotation(tables: list[tuple[Tensor, Tensor, Ints]]) -> Tensor:
    """Return the rotation (D,D) that takes fresh rows nearest to the earlier ones."""
    from scipy.linalg import orthogonal_procrustes

    fresh = np.concatenate([mine.double().numpy()[rows >= 0] for mine, _, rows in tables])
    then = np.concatenate([was.double().numpy()[rows[rows >= 0]] for _, was, rows in tables])
    found, _ = orthogonal_procrustes(fresh, then)
    return torch.from_numpy(found)
