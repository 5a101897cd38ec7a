"""Every encoder with every head, with every objective, and every head with every objective: refused
in one sentence, or it takes a step and ranks."""

import itertools
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from gnnseg import config
from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.runs.assembly import assemble
from gnnseg.runs.inputs import Inputs, wanted
from gnnseg.testing import random_graph, telling_features, with_relations, with_ties
from gnnseg.training.batching import Training
from gnnseg.training.events import TrainingEvents
from gnnseg.types import Features, InputError, Logged, Segmentation

CONF = config.conf_folder()
ENCODERS = {
    **{path.stem: {} for path in sorted((CONF / "encoder").glob("*.yaml"))},
    "lightgcn, attributes beside": {"attributes": "beside"},
    "lightgcn, attributes alone": {"attributes": "alone"},
    "lightgcn, friends": {"social": 0.5},
    "lightgcnpp, all three": {"attributes": "beside", "social": 0.5},
}  # fmt: skip
HEADS = {
    **{path.stem: {} for path in sorted((CONF / "head").glob("*.yaml"))},
    "segments, membership": {"beta": "membership"}, "segments, affinity": {"beta": "affinity"},
    "segments, tied": {"tied": True},
    "dot, plain": {"similarity": "dot"},
    "dot, no bias": {"bias": False},
}  # fmt: skip
OBJECTIVES = sorted(path.stem for path in (CONF / "objective").glob("*.yaml"))
SCORES = (
    "dot",
    "dot, plain",
    "dot, no bias",
    "filtered",
    "hybrid",
    "mlp",
    "neumf",
    "posthoc",
    "protomf",
)  # heads without probabilities
READINGS = ("segments, affinity", "segments, membership")
REFUSED = {  # what is known of these objectives; another may refuse what it says it cannot take
    "likelihood": {*SCORES, *READINGS},
    "policy": {*SCORES, *READINGS},
    "network": {*SCORES, *READINGS, "segments, tied"},
    "bce": {"segments", "segments, tied"},
    "ccl": {*SCORES, *READINGS, "segments", "segments, tied"} - {"dot, no bias"},
    "directau": {*SCORES, *READINGS, "segments", "segments, tied"} - {"dot, no bias", "dot, plain"},
    "sampled_softmax": set(),
    "bpr": set(),
    "bsl": set(),
    "margin": set(),
}


@cache
def group(name: str, choice: str) -> dict[str, Any]:
    """A group's node as it composes, under its own defaults."""
    composed = config.compose([f"{name}={choice}"])
    return dict(composed[name])


@cache
def whole() -> dict[str, Any]:
    return config.compose([])


def configuration(encoder: str, head: str, objective: str) -> dict[str, Any]:
    nodes = {
        "encoder": {**group("encoder", encoder.split(",")[0]), **ENCODERS[encoder]},
        "head": {**group("head", head.split(",")[0]), **HEADS[head]},
        "objective": dict(group("objective", objective)),
    }
    if objective == "margin":
        nodes["objective"]["margin"] = 50.0  # wide enough that every pair has something to learn
    small = {
        "dim": 8,
        "segments": 4,
        "layers": [8, 6] if isinstance(nodes["encoder"].get("layers"), list) else 1,
    }
    for key, value in small.items():
        for node in (nodes["encoder"], nodes["head"]):
            if key in node and not (node is nodes["head"] and key == "layers"):
                node[key] = value
    return {**whole(), **nodes}


def settings(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "_target_"}


@cache
def graph() -> BipartiteGraph:
    return with_relations(with_ties(random_graph()))


def ones() -> TrainingEvents:
    p = graph().pattern
    return TrainingEvents(p.row, p.column, torch.ones(p.entries), Logged(torch.ones(p.entries)))


def refused(c: dict[str, Any], objective: str) -> bool:
    """Is it refused, in the sentence that says what the objective needs?"""
    said = ""
    try:
        config.check(c)
    except InputError as error:
        said = str(error)
    needs = rf"objective={objective.replace('_', '')}(gradient)?: needs "
    assert not said or re.match(needs, said), said
    return bool(said)


@pytest.mark.parametrize("objective", REFUSED)
@pytest.mark.slow
def test_what_is_known_to_be_refused_is(objective: str) -> None:
    known = {*SCORES, *READINGS, "segments", "segments, tied"}
    found = {h for h in known if refused(configuration("lightgcn", h, objective), objective)}
    assert found == REFUSED[objective]


def third(encoder: str) -> list[tuple[str, str]]:
    """Heads and objectives beside an encoder, one combination in three.

    Of all encoders together each pair of parts is among them, most of them several times.
    """
    first = list(ENCODERS).index(encoder)
    numbered = itertools.product(enumerate(HEADS), enumerate(OBJECTIVES))
    return [(head, objective) for (h, head), (o, objective) in numbered if (first + h + o) % 3 == 0]


def test_a_third_holds_every_pair() -> None:
    found = {(encoder, *both) for encoder in ENCODERS for both in third(encoder)}
    for one, two in ((ENCODERS, HEADS), (ENCODERS, OBJECTIVES), (HEADS, OBJECTIVES)):
        pairs = {pair for each in found for pair in itertools.combinations(each, 2)}
        assert set(itertools.product(one, two)) <= pairs


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.slow
def test_combinations_are_refused_or_run(encoder: str) -> None:
    for head, objective in third(encoder):
        c = configuration(encoder, head, objective)
        where = f"{encoder} + {head} + {objective}"
        if refused(c, objective):
            continue
        given = Inputs(
            graph(), telling_features(graph()) if "features" in wanted(c) else Features()
        )
        if encoder == "raw" and head in ("dot, plain", "dot, no bias"):
            with pytest.raises(InputError, match="there is nothing to train"):
                assemble(c, given.shape, Rng(0))
            continue
        model = assemble(c, given.shape, Rng(0))
        with torch.no_grad():
            model.reset(given.graph, given.features, Rng(0))
        data = Training(given.graph, given.features, ones())
        exact = "probabilities" in type(model.objective).requires(**settings(c["objective"]))
        rows = None if exact else torch.arange(16)
        batch = data.batch(rows, model.objective, torch.zeros(graph().items), Rng(0))
        losses = model.losses(given.graph, given.features, batch, Rng(0))
        model.total(losses).backward()  # type: ignore[no-untyped-call]
        assert all(
            p.grad is None or bool(torch.isfinite(p.grad).all()) for p in model.parameters()
        ), where
        assert any(
            p.grad is not None and bool(p.grad.any()) for p in model.encoder.parameters()
        ) or not list(model.encoder.parameters()), where
        with torch.no_grad():
            model.finish(model.embed(given.graph, given.features), given.graph, Rng(0))
            scorer = model.scorer(given.graph, given.features)
            assert bool(torch.isfinite(scorer.block(torch.arange(5))).all()), where
            if isinstance(scorer, Segmentation):
                torch.testing.assert_close(
                    scorer.memberships(None).sum(1), torch.ones(graph().users)
                )


@pytest.mark.parametrize("encoder", ["linear", "dnn", "lightgcn, attributes alone"])
def test_attributes_that_are_not_there_are_said(encoder: str) -> None:
    c = configuration(encoder, "dot", "bpr")
    with pytest.raises(InputError, match="this set has no attributes"):
        assemble(c, Inputs(graph()).shape, Rng(0))


@pytest.mark.parametrize(
    "override", ["encoder=social", "encoder.social=0.5", "regularisers.social.weight=1.0"]
)
def test_ties_that_are_not_there_are_said(override: str, tmp_path: Path) -> None:
    from gnnseg.runs import train as pipeline

    small = ["data.users=40", "data.items=30", "data.segments=4", "data.interactions=300"]
    c = config.compose(["data=planted", *small, f"runs.root={tmp_path}", override])
    config.check(c)
    name = override.split("=")[0].removesuffix(".weight")
    with pytest.raises(
        InputError, match=rf"{name.split('.')[0]}.*: needs social ties, and planted has none"
    ):
        pipeline.train(c, say=lambda line: None)
