"""Two towers against a loop on equal weights; what a step asks for is not in its bag."""

import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import TwoTower
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_graph, shape_of, telling_features
from gnnseg.types import Features, InputError


def make(graph: BipartiteGraph, features: Features) -> TwoTower:
    encoder = TwoTower(
        shape_of(graph, features=features), Rng(0), dim=5, layers=[7, 4], scale=0.3, dropout=0.0
    )
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(2))
    return encoder


def perceptron(encoder: TwoTower, kind: str, x: list[float]) -> list[float]:
    state = {name: value.double().tolist() for name, value in encoder.state_dict().items()}
    for layer in range(2):
        weight, bias = state[f"{kind}.{layer}.weight"], state[f"{kind}.{layer}.bias"]
        if layer:
            x = [max(0.0, v) for v in x]
        x = [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(weight, bias, strict=True)
        ]
    return x


def oracle(
    encoder: TwoTower,
    graph: BipartiteGraph,
    features: Features,
    pairs: list[tuple[int, int, float]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Covington et al.'s towers, one user and one item at a time; ``pairs`` make the bags."""
    met = encoder.met.double().tolist()
    users, items = [], []
    for user in range(graph.users):
        own = [(item, w) for u, item, w in pairs if u == user]
        total = sum(w for _, w in own)
        bag = [sum(w * met[item][d] for item, w in own) / total if own else 0.0 for d in range(5)]
        users.append(
            perceptron(
                encoder,
                "user",
                bag + ([] if features.user is None else features.user[user].tolist()),
            )
        )
    for item in range(graph.items):
        items.append(
            perceptron(
                encoder,
                "item",
                met[item] + ([] if features.item is None else features.item[item].tolist()),
            )
        )
    return torch.tensor(users), torch.tensor(items)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("attributes", [False, True])
def test_both_towers_equal_a_loop(weighted: bool, attributes: bool) -> None:
    graph = random_graph()
    if weighted:
        weight = torch.rand(graph.pattern.entries, generator=torch.Generator().manual_seed(1)) + 0.1
        graph = BipartiteGraph(graph.pattern, weight)
    features = telling_features(graph) if attributes else Features()
    encoder = make(graph, features)
    weights = [1.0] * graph.pattern.entries if graph.weight is None else graph.weight.tolist()
    pairs = list(
        zip(graph.pattern.row.tolist(), graph.pattern.column.tolist(), weights, strict=True)
    )
    user, item = oracle(encoder, graph, features, pairs)
    got = encoder(graph, features)
    torch.testing.assert_close(got.user_UD, user, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got.item_ID, item, atol=1e-5, rtol=1e-5)


def test_what_a_step_asks_for_is_not_in_the_bag() -> None:
    graph = random_graph()
    encoder = make(graph, Features())
    p = graph.pattern
    asked = torch.tensor([0, 3, 8])
    pairs = [
        (u, i, 1.0)
        for e, (u, i) in enumerate(zip(p.row.tolist(), p.column.tolist(), strict=True))
        if e not in (0, 3, 8)
    ]
    user, _ = oracle(encoder, graph, Features(), pairs)
    got = encoder(graph.hiding(p.row[asked], p.column[asked], Rng(0)), Features())
    torch.testing.assert_close(got.user_UD, user, atol=1e-5, rtol=1e-5)


def test_a_full_batch_hides_half_by_chance() -> None:
    graph = random_graph()
    p = graph.pattern
    hidden = [graph.hiding(p.row, p.column, Rng(0).at(step)).weight for step in range(200)]
    assert torch.stack([w for w in hidden if w is not None]).mean().item() == pytest.approx(
        0.5, abs=0.02
    )
    weighted = BipartiteGraph(
        p, torch.rand(p.entries, generator=torch.Generator().manual_seed(0)) + 1
    )
    found = weighted.hiding(p.row[:2], p.column[:2], Rng(0)).weight
    assert found is not None
    assert weighted.weight is not None
    assert found[:2].tolist() == [0.0, 0.0]
    assert torch.equal(found[2:], weighted.weight[2:])


def test_hidden_pairs_do_not_come_back_by_what_was_computed_before() -> None:
    graph = random_graph()
    before = graph.normalised()[0]
    after = graph.hiding(graph.pattern.row[:1], graph.pattern.column[:1], Rng(0)).normalised()[0]
    assert float(before[0]) > 0
    assert float(after[0]) == 0.0


def test_who_met_nothing_is_the_tower_of_an_empty_bag() -> None:
    pattern = Csr.of([0], [1], (3, 4))
    encoder = make(BipartiteGraph(pattern), Features())
    got = encoder(BipartiteGraph(pattern), Features()).user_UD
    torch.testing.assert_close(
        got[1], torch.tensor(perceptron(encoder, "user", [0.0] * 5)), atol=1e-6, rtol=1e-5
    )
    assert torch.equal(got[1], got[2])


def test_what_cannot_be_is_refused() -> None:
    shape = shape_of(random_graph())
    for options in (
        {"dim": 0},
        {"scale": -1.0},
        {"layers": []},
        {"layers": [3, 0]},
        {"dropout": 1.0},
    ):
        with pytest.raises(InputError, match=r"encoder\."):
            TwoTower(
                shape, Rng(0), **{"dim": 5, "layers": [4], "scale": 0.1, "dropout": 0.0, **options}
            )  # type: ignore[arg-type]
