"""Graph encoders against PyG on equal weights, against loops, and under other numbers of the same
nodes."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import RGCN, SAGE, Encoder, LightGCN, PinSage, PyG
from gnnseg.models.encoders.pyg import convolutions
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_graph, shape_of, with_relations, with_ties
from gnnseg.types import Features

SAGE_OPTIONS: dict[str, Any] = {
    "dim": 8, "layers": 2, "aggregate": "mean", "init": "normal", "scale": 0.5, "attributes": None,
    "neighbours": None,
    "combine": "last", "unit": False,
}  # fmt: skip


def sage(graph: BipartiteGraph, **options: Any) -> SAGE:
    made = SAGE(shape_of(graph), Rng(0), **{**SAGE_OPTIONS, **options})
    made.reset(graph, Features(), Rng(0))
    return made


@pytest.mark.parametrize("aggregate", ["mean", "max"])
@pytest.mark.parametrize("unit", [False, True])
def test_sage_equals_pyg(aggregate: str, unit: bool) -> None:
    SAGEConv = convolutions().SAGEConv
    graph = random_graph()
    encoder = sage(graph, aggregate=aggregate, unit=unit)
    x = {"user": encoder.tables.user, "item": encoder.tables.item}
    index = torch.stack([graph.pattern.row, graph.pattern.column])
    for layer in range(2):
        new = {}
        for kind, other, edges in (("user", "item", index.flip(0)), ("item", "user", index)):
            conv = SAGEConv((8, 8), 8, aggr=aggregate, normalize=False)
            own, near = encoder.own[layer][kind], encoder.near[layer][kind]
            conv.lin_l.weight, conv.lin_l.bias, conv.lin_r.weight = (
                near.weight,
                own.bias,
                own.weight,
            )
            y = conv((x[other], x[kind]), edges)
            y = F.relu(y) if layer == 0 else y
            new[kind] = F.normalize(y, dim=-1) if unit else y
        x = new
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, x["user"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.item_ID, x["item"], atol=1e-5, rtol=1e-5)


def test_pool_equals_a_loop() -> None:
    graph = random_graph()
    encoder = sage(graph, aggregate="pool", layers=1)
    near, own, pool = (getattr(encoder, n)[0]["user"] for n in ("near", "own", "pool"))
    found = encoder(graph, Features()).user_UD
    for u in range(graph.users):
        mine = graph.pattern.column[graph.pattern.row == u]
        heard = (
            torch.stack([F.relu(pool(encoder.tables.item[i])) for i in mine]).amax(0)
            if len(mine)
            else torch.zeros(8)
        )
        torch.testing.assert_close(
            found[u], own(encoder.tables.user[u]) + near(heard), atol=1e-6, rtol=1e-5
        )


def permuted(graph: BipartiteGraph, users: Tensor, items: Tensor) -> BipartiteGraph:
    """User u is now users[u], item i items[i]."""
    p = graph.pattern
    return BipartiteGraph(Csr.of(users[p.row], items[p.column], p.shape))


def rgcn(graph: BipartiteGraph, **options: Any) -> RGCN:
    more = {"relations": "none", "ties": False, "bases": 2}
    base = {key: value for key, value in SAGE_OPTIONS.items() if key not in ("aggregate", "unit")}
    made = RGCN(shape_of(graph), Rng(0), **{**base, **more, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def pyg(graph: BipartiteGraph, conv: str, **options: Any) -> PyG:
    more = {"conv": conv, "heads": 1, "dropout": 0.0, "options": None, "skip": True}
    base = {key: value for key, value in SAGE_OPTIONS.items() if key not in ("aggregate", "unit")}
    made = PyG(shape_of(graph), Rng(0), **{**base, **more, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def pinsage(graph: BipartiteGraph, **options: Any) -> PinSage:
    more = {"walks": 30, "hops": 2, "restart": 0.5, "top": 4, "refresh": "epoch", "batched": False}
    base = {
        key: value
        for key, value in SAGE_OPTIONS.items()
        if key not in ("aggregate", "unit", "neighbours")
    }
    made = PinSage(shape_of(graph), Rng(0), **{**base, **more, **options})
    made.reset(graph, Features(), Rng(0))
    return made


LAYERED: dict[str, Any] = {
    "sage, mean": lambda g, **o: sage(g, **o),
    "sage, max": lambda g, **o: sage(g, aggregate="max", **o),
    "sage, pool": lambda g, **o: sage(g, aggregate="pool", **o),
    "rgcn": rgcn,
    "pyg, GATv2Conv": lambda g, **o: pyg(g, "GATv2Conv", **o),
    "pyg, GraphConv": lambda g, **o: pyg(g, "GraphConv", **o),
}


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


@pytest.mark.parametrize(
    "conv", ["CGConv", "SimpleConv", "GINConv", "ResGatedGraphConv", "TransformerConv"]
)
def test_convolutions_are_given_widths_by_the_names_they_have_for_them(conv: str) -> None:
    graph = random_graph()
    found = pyg(graph, conv)(graph, Features())
    assert found.user_UD.shape == (graph.users, 8)
    assert bool(torch.isfinite(found.user_UD).all())
    assert not torch.equal(found.user_UD, found.user0_UD)


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
    pattern, arrays = graph.pattern, {}
    for column in (f.name for f in fields(Csr) if f.name not in ("shape", "value")):
        np.save(tmp_path / f"{column}.npy", getattr(pattern, column).numpy())
        arrays[column] = torch.from_numpy(np.load(tmp_path / f"{column}.npy", mmap_mode="c"))
    options: dict[str, Any] = (
        {"batched": True, "refresh": "step"} if name == "pinsage" else {"neighbours": [3, 2]}
    )
    encoder = pinsage(graph, **options) if name == "pinsage" else LAYERED[name](graph, **options)
    asked = torch.arange(0, 20, 3), torch.arange(5)
    found = []
    for g in (graph, BipartiteGraph(Csr(pattern.shape, **arrays))):
        encoder.zero_grad()
        embeddings = encoder(g, Features(), *asked, rng=Rng(0).at(1))
        embeddings.user_UD.square().sum().backward()
        found.append((embeddings.user_UD, embeddings.item_ID, encoder.tables.item.grad.clone()))
    for mine, theirs in zip(*found, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", LAYERED)
def test_a_newcomer_with_a_users_history_and_layer_0_is_that_user(name: str) -> None:
    from gnnseg.types import Pairs

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
def test_who_else_comes_does_not_matter_to_a_newcomer(name: str) -> None:
    from gnnseg.types import Pairs

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


# --- RGCN -----------------------------------------------------------------------------------------
# --------------


@pytest.mark.parametrize("bases", [None, 3])
@pytest.mark.parametrize("relations", ["typed", "merged", "none"])
def test_rgcn_equals_pyg(bases: int | None, relations: str) -> None:
    graph = with_ties(with_relations(random_graph()))
    encoder = rgcn(graph, relations=relations, ties=True, bases=bases)
    kinds = {
        "user": graph.users,
        "item": graph.items,
        **(graph.entities if relations != "none" else {}),
    }
    start, total = {}, 0
    for kind, count in kinds.items():
        start[kind], total = total, total + count
    edge_types = encoder.edge_types(graph, None)
    index, types = [], []
    for edge_type in edge_types:
        ends = torch.stack(
            [
                edge_type.pattern.column + start[edge_type.source],
                edge_type.pattern.row + start[edge_type.target],
            ]
        )
        copies = (
            1
            if edge_type.weight is None or edge_type.name == "friends"
            else edge_type.weight.long()
        )  # a weight is so many edges
        ends = ends.repeat_interleave(copies, dim=1) if isinstance(copies, Tensor) else ends
        index.append(ends)
        types.append(torch.full((ends.shape[1],), encoder.names.index(edge_type.name)))
    x = torch.cat([encoder.start(kind, Features()) for kind in kinds])
    for layer in range(2):
        conv = convolutions().RGCNConv(8, 8, len(encoder.names), num_bases=bases, aggr="mean")
        own = encoder.own[layer]
        conv.weight.data = encoder.basis[layer].transpose(1, 2).contiguous()
        if bases is not None:
            conv.comp.data = encoder.share[layer].data
        conv.root.data, conv.bias.data = own.weight.T, own.bias.data
        x = conv(x, torch.cat(index, dim=1), torch.cat(types))
        x = F.relu(x) if layer == 0 else x
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, x[: graph.users], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        found.item_ID, x[graph.users : graph.users + graph.items], atol=1e-5, rtol=1e-5
    )


def test_a_relation_of_homophily_0_says_nothing() -> None:
    from dataclasses import replace

    graph = replace(with_ties(random_graph()), homophily=0.0)
    encoder = rgcn(graph, ties=True)
    without = BipartiteGraph(graph.pattern)
    assert torch.equal(encoder(graph, Features()).user_UD, encoder(without, Features()).user_UD)


# --- PinSage --------------------------------------------------------------------------------------
# --------------


def test_pinsage_equals_a_loop() -> None:
    graph = random_graph()
    encoder = pinsage(graph)
    x: dict[str, Any] = {"user": list(encoder.tables.user), "item": list(encoder.tables.item)}
    edge_types = encoder.edge_types(graph, None)
    for layer in range(2):
        new: dict[str, Any] = {}
        for edge_type in edge_types:
            kind, rows = edge_type.target, []
            send, near, own = (getattr(encoder, n)[layer][kind] for n in ("send", "near", "own"))
            for v in range(edge_type.pattern.shape[0]):
                edges = (edge_type.pattern.row == v).nonzero().squeeze(1)
                n_v, whole = torch.zeros(8), edge_type.weight[edges].sum()
                for e in edges:
                    n_v = n_v + edge_type.weight[e] / whole * F.relu(
                        send(x[edge_type.source][edge_type.pattern.column[e]])
                    )
                joined = (
                    torch.cat([own.weight, near.weight], dim=1) @ torch.cat([x[kind][v], n_v])
                    + own.bias
                )
                z = F.relu(joined)
                z = z / z.norm().clamp(min=1e-12)
                if layer == 1:
                    z = encoder.out.weight @ F.relu(encoder.hidden.weight @ z + encoder.hidden.bias)
                rows.append(z)
            new[kind] = rows
        x = new
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, torch.stack(x["user"]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.item_ID, torch.stack(x["item"]), atol=1e-5, rtol=1e-5)


def test_pinsage_draws_once_an_epoch_or_once_a_step() -> None:
    graph = random_graph(edges=200)
    encoder = pinsage(graph, top=2)

    def drawn(encoder: Encoder, step: int) -> Tensor:
        return encoder(graph, Features(), rng=Rng(0).at(step)).user_UD

    first = drawn(encoder, 0)
    assert torch.equal(first, drawn(encoder, 1))
    encoder.epoch = 1
    assert not torch.equal(first, drawn(encoder, 1))
    encoder.epoch = 0
    assert torch.equal(first, drawn(encoder, 2))
    each = pinsage(graph, top=2, refresh="step")
    assert not torch.equal(drawn(each, 0), drawn(each, 1))
    judged = encoder(graph, Features()).user_UD
    encoder.epoch = 5
    assert torch.equal(judged, encoder(graph, Features()).user_UD)


# --- noise, dropout, weights
# ------------------------------------------------------------------------------------


def lightgcn(graph: BipartiteGraph, **options: Any) -> LightGCN:
    base = {
        key: value
        for key, value in SAGE_OPTIONS.items()
        if key in ("dim", "layers", "init", "scale", "attributes")
    }
    more = {
        "layer_weights": None,
        "alpha": 0.5,
        "beta": 0.5,
        "gamma": None,
        "unit": False,
        "dropout": 0.0,
        "social": 0.0,
    }
    return LightGCN(shape_of(graph), Rng(0), **{**base, **more, **options})


@pytest.mark.parametrize("name", [*LAYERED, "pinsage", "lightgcn"])
def test_noise_turns_each_row_of_a_layer_by_so_much_within_its_signs(name: str) -> None:
    graph = random_graph()
    encoder = {"pinsage": pinsage, "lightgcn": lightgcn, **LAYERED}[name](graph)
    plain, noisy, judged = (
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
    torch.testing.assert_close(judged.user_UD, encoder(graph, Features()).user_UD, atol=0, rtol=0)


def test_dropout_of_a_convolution_is_a_function_of_the_draw_and_only_in_training() -> None:
    graph = random_graph()
    encoder = pyg(graph, "GATv2Conv", dropout=0.5)
    one, again, other, judged = (
        encoder(graph, Features(), rng=rng).user_UD for rng in (Rng(0), Rng(0), Rng(1), None)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, judged)
    assert torch.equal(judged, pyg(graph, "GATv2Conv")(graph, Features()).user_UD)


def test_what_edges_weigh_is_told_to_the_convolutions_that_read_it() -> None:
    pattern = random_graph().pattern
    graph = BipartiteGraph(
        pattern, torch.rand(pattern.entries, generator=torch.Generator().manual_seed(0)) + 0.5
    )
    encoder = pyg(graph, "GraphConv", skip=False, layers=1)
    index = torch.stack([pattern.column, pattern.row])
    conv = encoder.convolutions[0]["to_user"]
    expected = conv((encoder.tables.item, encoder.tables.user), index, edge_weight=graph.weight)
    torch.testing.assert_close(encoder(graph, Features()).user_UD, expected, atol=1e-6, rtol=1e-5)
    alike = encoder(BipartiteGraph(pattern), Features()).user_UD
    assert not torch.allclose(alike, expected)


def test_a_relational_encoder_of_no_layer_has_no_entities() -> None:
    graph = with_relations(random_graph())
    encoder = rgcn(graph, relations="typed", layers=0)
    assert torch.equal(encoder(graph, Features()).user_UD, encoder.tables.user)
    assert {name for name, _ in encoder.named_parameters()} == {"tables.user", "tables.item"}


# --- what is not to be had
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conv", "options", "said"),
    [
        ("Conv9", {}, "is no convolution of torch_geometric.nn"),
        ("MessagePassing", {}, "is no convolution"),
        ("GCNConv", {}, "does not take users and items as two inputs"),
        ("SAGEConv", {"options": {"agr": "max"}}, "encoder.options.agr: SAGEConv takes aggr"),
        ("SAGEConv", {"heads": 2}, "encoder.heads=2: SAGEConv"),
        ("SAGEConv", {"dropout": 0.4}, r"encoder.dropout=0.4: SAGEConv has none; set it to 0"),
        ("GATv2Conv", {"heads": 3}, "encoder.heads=3: GATv2Conv"),
        ("GATv2Conv", {"heads": 0}, "encoder.heads is 0: there must be at least 1"),
        ("GENConv", {}, "GENConv: normalises by the batch's statistics"),
        (
            "CGConv",
            {"options": {"batch_norm": True}},
            "CGConv: normalises by the batch's statistics",
        ),
        ("SAGEConv", {"options": {"aggr": "lstm"}}, "SAGEConv: reads neighbours in an order"),
        (
            "GATv2Conv",
            {"options": {"edge_dim": 3}},
            "encoder.options.edge_dim: an interaction has no attributes",
        ),
        ("SAGEConv", {"dropout": 1.5}, "encoder.dropout is 1.5: it must be at least 0 and below 1"),
    ],
)
def test_a_convolution_that_cannot_be_is_said(
    conv: str, options: dict[str, Any], said: str
) -> None:
    from gnnseg.types import InputError

    with pytest.raises(InputError, match=said):
        pyg(random_graph(), conv, **options)


@pytest.mark.parametrize("make", [sage, pinsage, rgcn, lambda g, **o: pyg(g, "SAGEConv", **o)])
@pytest.mark.parametrize(
    ("options", "said"),
    [({"dim": 0}, "encoder.dim is 0"), ({"scale": -1.0}, "encoder.scale is -1")],
)
def test_widths_and_first_values_that_cannot_be_are_said_of_attributes_alone_too(
    make: Any, options: dict[str, Any], said: str
) -> None:
    from gnnseg.types import InputError

    with pytest.raises(InputError, match=said):
        make(random_graph(), attributes="alone", **options)


@pytest.mark.parametrize("neighbours", [[3], [0, 2], [1, 2, 3]])
def test_a_fan_out_for_each_layer(neighbours: list[int]) -> None:
    from gnnseg.types import InputError

    with pytest.raises(
        InputError, match=r"encoder.neighbours is .*: give encoder.layers=2 numbers"
    ):
        sage(random_graph(), neighbours=neighbours)
