"""A part made on its own is the part that conf/ makes: every setting has the same default."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import yaml

from gnnseg.config import conf_folder, locate
from gnnseg.models.heads import Segments
from gnnseg.models.objectives import Likelihood
from gnnseg.rng import Rng
from gnnseg.testing import WIDTH, a_step, full_batch, random_embeddings, random_graph, shape_of


def nodes() -> Iterator[Any]:
    for group in ("head", "objective"):
        for path in sorted((conf_folder() / group).glob("*.yaml")):
            yield pytest.param(yaml.safe_load(path.read_text("utf-8"))[group], id=path.stem)
    for path in sorted((conf_folder() / "regularisers").glob("*.yaml")):
        for name, node in yaml.safe_load(path.read_text("utf-8")).items():
            settings = {key: value for key, value in node.items() if key != "weight"}
            yield pytest.param(settings, id=f"{path.stem}.{name}")


@pytest.mark.parametrize("node", list(nodes()))
def test_every_setting_has_the_default_that_conf_gives_it(node: dict[str, Any]) -> None:
    parameters = inspect.signature(locate(node["_target_"], "here", [])).parameters.values()
    ours = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in ours.items()}
    assert plain == {key: value for key, value in node.items() if key != "_target_"}


def test_a_notebook_needs_no_configuration() -> None:
    graph = random_graph()
    embeddings, head = random_embeddings(graph), Segments(shape_of(graph, WIDTH), Rng(0))
    loss = Likelihood()(a_step(embeddings, head), full_batch(graph), Rng(0))
    assert bool(torch.isfinite(loss))
