"""The model a configuration describes, untrained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.models.baselines import FittedBaseline
from gnnseg.models.baselines.base import refuse_memory
from gnnseg.models.encoders.capabilities import SamplesNeighbours
from gnnseg.models.fitted import FittedModel
from gnnseg.models.model import Model
from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.runs.identity import component
from gnnseg.types import InputError, Shape

LARGEST = 1 << 13  # a size in settings up to which a part is made once without data


def assemble(config: Mapping[str, Any], shape: Shape, rng: Rng) -> Model:
    """Return encoder, head, objective and the terms whose weight is not 0, with first values.

    Raises:
        InputError: There are more segments than users, or nothing to train.
    """
    _refuse_segments(config, shape)
    shape = replace(shape, segments=int(config["head"].get("segments") or 0))
    encoder = build(config["encoder"], replace(shape, segments=0), rng.child("encoder"))
    shape = replace(shape, width=encoder.width)
    head = build(config["head"], replace(shape, segments=0), rng.child("head"))
    objective: Objective = build(config["objective"])
    objective.prepare(shape, rng.child("objective"))
    terms = {}
    for name, node in (config["regularisers"] or {}).items():
        if node["weight"] != 0:
            term: Objective = build({key: value for key, value in node.items() if key != "weight"})
            term.prepare(shape, rng.child(name))
            terms[name] = (float(node["weight"]), term)
    model = Model(encoder, head, objective, terms)
    if not any(True for _ in model.parameters()):
        raise InputError(
            f"encoder={component(config, 'encoder')} with head={component(config, 'head')}: there "
            "is nothing to train; choose another head or encoder."
        )
    return model


def fitted(config: Mapping[str, Any], shape: Shape, rng: Rng) -> FittedModel:
    """Return the baseline of a configuration, not fitted, and the head that clusters its users.

    Raises:
        InputError: There are more segments than users.
    """
    baseline: FittedBaseline = build(config["baseline"])
    if not config["head"]:
        return FittedModel(baseline)
    _refuse_segments(config, shape)
    return FittedModel(
        baseline,
        lambda width: build(config["head"], replace(shape, width=width), rng.child("head")),
    )


def refuse_large(config: Mapping[str, Any], shape: Shape) -> None:
    """Refuse baselines that do not fit into memory, before anything is trained.

    Raises:
        InputError: One of them, with what it takes and what is free.
    """
    if config["baseline"]:
        name = f"baseline={component(config, 'baseline')}"
        refuse_memory(name, build(config["baseline"]), shape.users, shape.items)
    for name, each in parts(config, "baselines").items():
        refuse_memory(f"baselines.{name}", each, shape.users, shape.items)


def _refuse_segments(config: Mapping[str, Any], shape: Shape) -> None:
    segments = int(config["head"].get("segments") or 0)
    if segments > shape.users:
        raise InputError(
            f"head.segments={segments}: there are {shape.users:,} users; choose fewer segments."
        )


def rehearse(config: Mapping[str, Any]) -> None:
    """Refuse settings of encoder and head that their constructors do not take, without data.

    Ours are made once for a handful of users; parts of one's own may ask more of the data. So do
    sizes beyond ``LARGEST``, which are only compared with the data.

    Raises:
        InputError: A setting that cannot be.
    """
    if any(_size(config[group]) > LARGEST for group in ("encoder", "head")):
        return
    few = Shape(4, 4, torch.ones(4, dtype=torch.int64), user_features=2, item_features=2)
    width = few.user_features
    if config["encoder"] and _is_ours(config["encoder"]):
        width = build(config["encoder"], few, Rng(0)).width
    if config["head"] and _is_ours(config["head"]):
        build(config["head"], replace(few, width=width), Rng(0))


def _is_ours(node: Mapping[str, Any]) -> bool:
    return str(node["_target_"]).startswith("gnnseg.")


def _size(node: Mapping[str, Any]) -> int:
    """Return the largest whole number among a part's settings."""
    found = [each for each in node.values() if isinstance(each, list)]
    values = [*node.values(), *(item for each in found for item in each)]
    return max((v for v in values if isinstance(v, int)), default=0)


def say_what_is_sampled(model: Model, batch_size: int | None, say: Callable[[str], None]) -> None:
    """Say where neighbours are sampled for everybody at every step, at no gain.

    Neighbourhoods of all users and items cost more than passing every message.
    """
    if not (isinstance(model.encoder, SamplesNeighbours) and model.encoder.samples):
        return
    whole = "a full batch asks for every user and item" if batch_size is None else None
    if whole is None and model.head.catalogue:
        whole = "this head asks for every item"
    if whole is not None:
        say(
            f"neighbours are sampled, but {whole} at every step: no cheaper than the whole "
            "graph. What samples at the cost of its rows is trainer.batch_size with head=dot, or "
            "head.beta=affinity or membership."
        )
