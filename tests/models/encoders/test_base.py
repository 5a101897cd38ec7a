"""What every encoder is: abstract, made with conf's defaults, and never asked in vain."""

import importlib
import inspect

import gnnseg.encoders
import pytest
import torch
from torch import nn

from gnnseg import config
from gnnseg.config.stable import short
from gnnseg.config.targets import locate
from gnnseg.models import encoders
from gnnseg.models.encoders import Encoder, LightGCN, ReadsWeights
from gnnseg.models.encoders.base import FORMER, OWNERS
from gnnseg.models.fold_in import FoldIn
from gnnseg.models.heads import Dot
from gnnseg.models.model import Model
from gnnseg.models.objectives import BPR
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Embeddings, Features, InputError

CHOICES = [
    (folder, path.stem)
    for folder in ("encoder", "graph")
    for path in sorted((config.conf_folder() / folder).glob("*.yaml"))
]


class Free(Encoder):
    """Free vectors, and nothing beside."""

    def __init__(self, shape, rng, *, dim=8):
        super().__init__()
        self.width = dim
        self.user = nn.Parameter(torch.randn(shape.users, dim, generator=rng.torch("user")))
        self.item = nn.Parameter(torch.randn(shape.items, dim, generator=rng.torch("item")))

    def forward(self, graph, features, users=None, items=None, *, rng=None, noise=0.0):
        return Embeddings(self.user, self.item, self.user, self.item)


def test_an_encoder_is_abstract():
    with pytest.raises(TypeError, match="abstract method"):
        Encoder()
    for base in ("AttributeEncoder", "EmbedsNewUsers", "SamplesNeighbours"):
        assert inspect.isabstract(getattr(encoders, base))


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_defaults_are_those_of_conf(group, choice):
    node = dict(config.compose([] if group == "graph" else [f"{group}={choice}"])[group])
    parameters = inspect.signature(locate(node.pop("_target_"), group, [])).parameters
    defaults = {n: p.default for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    lists = {n: list(v) if isinstance(v, tuple) else v for n, v in defaults.items()}
    assert lists == node


def test_an_encoder_is_made_by_two_arguments():
    graph = random_graph()
    encoder = LightGCN(shape_of(graph), Rng(0))
    encoder.reset(graph, Features(), Rng(0))
    assert encoder(graph, Features()).user_UD.shape == (graph.users, 64)


@pytest.mark.parametrize("name", FORMER)
def test_a_former_hook_is_refused(name):
    with pytest.raises(
        InputError, match=rf"Old\.{name}: is not asked for any more; .* {FORMER[name]}"
    ):
        type("Old", (Free,), {name: classmethod(lambda cls, **settings: frozenset({"features"}))})


@pytest.mark.parametrize("name", OWNERS)
def test_a_hook_without_its_capability_is_refused(name):
    capability = getattr(encoders, OWNERS[name])
    said = rf"Half\.{name}: only a {capability.__name__} is asked for it; let the class inherit "
    with pytest.raises(InputError, match=said):
        type("Half", (Free,), {name: lambda self, *given: None})
    assert issubclass(type("Whole", (Free, capability), {name: lambda self, *given: None}), Free)


def test_who_embeds_no_new_users_says_so():
    graph = random_graph()
    shape = shape_of(graph, 8)
    objective = BPR(weights=None, degree_power=0.0, negatives=1)
    model = Model(Free(shape, Rng(0)), Dot(shape, Rng(0), similarity="dot", tau=0.2), objective, {})
    said = "encoder free: does not know how to embed users it was not trained on"
    with pytest.raises(InputError, match=said):
        FoldIn(model, graph, Features(), None)


def test_the_names_by_which_encoders_are_known():
    assert gnnseg.encoders.Raw is encoders.RawAttributes
    assert gnnseg.encoders.Social is encoders.SocialSpectral
    for choice in ("raw", "social"):
        target = config.compose([f"encoder={choice}"])["encoder"]["_target_"]
        assert short(target) == choice
        assert locate(f"gnnseg.encoders.{choice}.{choice.title()}", "encoder", []) is locate(
            target, "encoder", []
        )
    for name in encoders.__all__:
        assert hasattr(gnnseg.encoders, name)


def test_a_module_by_its_public_name_is_the_same_module():
    assert importlib.import_module("gnnseg.encoders.base").Encoder is Encoder


def test_weights_that_nobody_reads_are_said():
    said = "graph.weights=value: encoder=linear as it is set takes every edge alike; set graph"
    with pytest.raises(InputError, match=said):
        config.check(
            config.compose(["encoder=linear", "encoder.init=normal", "graph.weights=value"])
        )
    config.check(config.compose(["encoder=linear", "graph.weights=value"]))  # of the start
    assert issubclass(encoders.MF, ReadsWeights)
    assert not issubclass(encoders.Raw, ReadsWeights)
