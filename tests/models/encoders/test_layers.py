"""Graph encoders: other numbers of the nodes, samples, new users, noise, what cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import RGCN, SAGE, LightGCN, PinSage, PyG
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import on_disk, random_graph, shape_of
from gnnseg.types import Features, InputError, Pairs

SMALL: dict[str, Any] = {"dim": 8, "init": "normal", "scale": 0.5, "combine": "last"}


def sage(graph: BipartiteGraph, **options: Any) -> SAGE:
    made = SAGE(shape_of(graph), Rng(0), **{**SMALL, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def rgcn(graph: BipartiteGraph, **options: Any) -> RGCN:
    made = RGCN(shape_of(graph), Rng(0), **{**SMALL, "relations": "none", "bases": 2, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def pyg(graph: BipartiteGraph, conv: str, **options: Any) -> PyG:
    made = PyG(shape_of(graph), Rng(0), **{**SMALL, "conv": conv, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def pinsage(graph: BipartiteGraph, **options: Any) -> PinSage:
    made = PinSage(shape_of(graph), Rng(0), **{**SMALL, "walks": 30, "top": 4, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def lightgcn(graph: BipartiteGraph) -> LightGCN:
    return LightGCN(shape_of(graph), Rng(0), dim=8, init="normal", scale=0.5)


LAYERED: dict[str, Any] = {
    "sage, mean": lambda g, **o: sage(g, **o),
    "sage, max": lambda g, **o: sage(g, aggregate="max", **o),
    "sage, pool": lambda g, **o: sage(g, aggregate="pool", **o),
    "rgcn": rgcn,
    "pyg, GATv2Conv": lambda g, **o: pyg(g, "GATv2Conv", **o),
    "pyg, GraphConv": lambda g, **o: pyg(g, "GraphConv", **o),
}


def permuted(graph: BipartiteGraph, users: Tensor, items: Tensor) -> BipartiteGraph:
    """User u is now users[u], item i items[i]."""
    p = graph.pattern
    return BipartiteGraph(Csr.of(users[p.row], items[p.column], p.shape))


@pytest.mark.parametrize("name", LAYERED)
def test_other_numbers_of_the_nodes_give_the_same_rows(name: str) -> None:
    graph = random_graph()
    g = torch.Generator().manual_seed(0)
    users, items = (
        torch.randperm(graph.users, generator=g),
        torch.randperm(graph.items, generator=g),
    )
    encoder = LAYERED[name](graph)
    before = encoder(graph, Features())
    with torch.no_grad():
        for table, order in ((encoder.tables.user, users), (encoder.tables.item, items)):
            table[order] = table.clone()
    after = encoder(permuted(graph, users, items), Features())
    torch.testing.assert_close(after.user_UD[users], before.user_UD, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after.item_ID[items], before.item_ID, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [*LAYERED, "pinsage"])
def test_no_layer_is_layer_0_and_has_no_other_weights(name: str) -> None:
    graph = random_graph()
    encoder = pinsage(graph, layers=0) if name == "pinsage" else LAYERED[name](graph, layers=0)
    assert torch.equal(encoder(graph, Features()).user_UD, encoder.tables.user)
    assert {name for name, _ in encoder.named_parameters()} == {"tables.user", "tables.item"}


@pytest.mark.parametrize("name", LAYERED)
def test_samples_of_all_neighbours_say_what_the_whole_graph_says(name: str) -> None:
    graph = random_graph(edges=150)
    encoder = LAYERED[name](graph, neighbours=[40, 40])
    whole = encoder(graph, Features())
    users, items = torch.tensor([2, 3, 22]), torch.tensor([0, 4, 16])
    some = encoder(graph, Features(), users, items, rng=Rng(0).at(3))
    torch.testing.assert_close(some.user_UD, whole.user_UD[users], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(some.item_ID, whole.item_ID[items], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(some.user0_UD, whole.user0_UD[users])
    few = LAYERED[name](graph, neighbours=[1, 1])
    assert not torch.allclose(
        few(graph, Features(), users, items, rng=Rng(0)).user_UD, whole.user_UD[users]
    )


@pytest.mark.parametrize("name", ["sage, mean", "rgcn", "pyg, GraphConv", "pinsage"])
def test_a_step_over_a_graph_on_disk_is_the_same(name: str, tmp_path: Path) -> None:
    graph = random_graph(edges=200)
    options: dict[str, Any] = (
        {"batched": True, "refresh": "step"} if name == "pinsage" else {"neighbours": [3, 2]}
    )
    encoder = pinsage(graph, **options) if name == "pinsage" else LAYERED[name](graph, **options)
    asked = torch.arange(0, 20, 3), torch.arange(5)
    found = []
    for g in (graph, BipartiteGraph(on_disk(graph.pattern, tmp_path))):
        encoder.zero_grad()
        embeddings = encoder(g, Features(), *asked, rng=Rng(0).at(1))
        embeddings.user_UD.square().sum().backward()
        found.append((embeddings.user_UD, embeddings.item_ID, encoder.tables.item.grad.clone()))
    for mine, theirs in zip(*found, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", LAYERED)
def test_a_new_user_with_a_users_history_and_layer_0_is_that_user(name: str) -> None:
    graph = random_graph(edges=150)
    encoder = LAYERED[name](graph)
    trained = encoder(graph, Features())
    mine = (graph.pattern.row == 3).nonzero().squeeze(1)
    items = graph.pattern.column[mine].numpy()
    history = Pairs(items * 0, items, items * 0 + 1.0, items * 0 + 1)
    new = graph.with_users(history, 1, None)
    found = encoder.embed_new_users(new, trained, Features())(trained.user0_UD[3:4])
    torch.testing.assert_close(found[0], trained.user_UD[3], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", [*LAYERED, "pinsage"])
def test_who_else_comes_does_not_matter_to_a_new_user(name: str) -> None:
    graph = random_graph(edges=150)
    encoder = pinsage(graph) if name == "pinsage" else LAYERED[name](graph)
    trained = encoder(graph, Features())
    start = torch.randn(3, encoder.width, generator=torch.Generator().manual_seed(0))

    def embedded(lists: list[list[int]], layer0: Tensor) -> Tensor:
        user = np.repeat(np.arange(len(lists)), [len(met) for met in lists])
        item = np.array([j for met in lists for j in met], dtype=np.int64)
        history = Pairs(user, item, np.ones(len(user)), np.ones(len(user), dtype=np.int64))
        return encoder.embed_new_users(
            graph.with_users(history, len(lists), None), trained, Features()
        )(layer0)

    met = [[0, 3, 7, 9], [2, 5], [1, 4, 6, 8, 10]]
    together, turned = embedded(met, start), embedded(met[::-1], start.flip(0))
    torch.testing.assert_close(turned.flip(0), together, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(embedded(met[1:2], start[1:2])[0], together[1], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", [*LAYERED, "pinsage", "lightgcn"])
def test_noise_turns_each_row_of_a_layer_by_so_much_within_its_signs(name: str) -> None:
    graph = random_graph()
    encoder = {"pinsage": pinsage, "lightgcn": lightgcn, **LAYERED}[name](graph)
    plain, noisy, evaluated = (
        encoder(graph, Features(), rng=rng, noise=noise)
        for rng, noise in ((Rng(0), 0.0), (Rng(0), 0.25), (None, 0.25))
    )
    assert plain.layers is not None
    assert noisy.layers is not None
    for before, after in zip(plain.layers[1], noisy.layers[1], strict=True):
        moved = (after - before).detach()
        whole = (before != 0).all(1)  # a 0 has no sign and stays
        assert bool(whole.any()) or name in (
            "rgcn",
            "sage, mean",
            "sage, max",
            "sage, pool",
        )  # ReLU leaves zeros
        assert bool((moved * before.sign() >= -1e-6).all())
        assert bool((moved[before == 0].abs() < 1e-6).all())
        torch.testing.assert_close(
            moved[whole].norm(dim=1), torch.full((int(whole.sum()),), 0.25), atol=1e-5, rtol=0
        )
        assert float(moved.norm(dim=1).max()) > 0.05
    assert not torch.equal(noisy.user_UD, plain.user_UD)
    torch.testing.assert_close(
        evaluated.user_UD, encoder(graph, Features()).user_UD, atol=0, rtol=0
    )


@pytest.mark.parametrize("make", [sage, pinsage, rgcn, lambda g, **o: pyg(g, "SAGEConv", **o)])
@pytest.mark.parametrize(
    ("options", "said"),
    [({"dim": 0}, "encoder.dim is 0"), ({"scale": -1.0}, "encoder.scale is -1")],
)
def test_widths_and_first_values_that_cannot_be_are_said_of_attributes_alone_too(
    make: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make(random_graph(), attributes="alone", **options)


@pytest.mark.parametrize("neighbours", [[3], [0, 2], [1, 2, 3]])
def test_a_fan_out_for_each_layer(neighbours: list[int]) -> None:
    with pytest.raises(
        InputError, match=r"encoder.neighbours is .*: give encoder.layers=2 numbers"
    ):
        sage(random_graph(), neighbours=neighbours)
