"""The model a configuration describes, untrained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gnnseg.config import build
from gnnseg.models.encoders.capabilities import SamplesNeighbours
from gnnseg.models.model import Model
from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.runs.identity import component
from gnnseg.types import InputError, Shape


def assemble(config: Mapping[str, Any], shape: Shape, rng: Rng) -> Model:
    """Return encoder, head, objective and the terms whose weight is not 0, with first values.

    Raises:
        InputError: There are more segments than users, or nothing to train.
    """
    encoder = build(config["encoder"], shape, rng.child("encoder"))
    head = build(config["head"], replace(shape, width=encoder.width), rng.child("head"))
    shape = replace(shape, width=encoder.width, segments=int(config["head"].get("segments") or 0))
    if shape.segments > shape.users:
        raise InputError(
            f"head.segments={shape.segments}: there are {shape.users:,} users; choose fewer "
            "segments."
        )
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
