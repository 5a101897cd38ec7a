"""Friends in encoders, against dense matrices: messages beside items', users known by their friends
alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.social import both_ways, normalised
from gnnseg.models.encoders import Encoder, LightGCN, Social
from gnnseg.models.encoders.social import leading
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_graph, shape_of, telling_features, with_ties
from gnnseg.types import Edges, Features, InputError, Pairs

DIM = 6


def lightgcn(
    graph: BipartiteGraph, features: Features | None = None, **options: object
) -> LightGCN:
    given = {"dim": DIM, "init": "normal", "scale": 0.5, **options}
    encoder = LightGCN(shape_of(graph, features=features), Rng(0), **given)  # type: ignore[arg-type]
    encoder.reset(graph, features or Features(), Rng(0))
    return encoder


def dense_ties(graph: BipartiteGraph) -> torch.Tensor:
    """D^-1/2 A D^-1/2 of the ties."""
    assert graph.social is not None
    a = graph.social.dense().double()
    d = a.sum(1).clamp(min=1e-12).rsqrt()
    return d[:, None] * a * d


@pytest.mark.parametrize("unit", [False, True])
def test_friends_send_messages_beside_items(unit: bool) -> None:
    graph = replace(with_ties(random_graph()), homophily=0.6)
    encoder = lightgcn(graph, social=0.5, unit=unit)
    a = graph.pattern.dense().double()
    d_u, d_i = (x.clamp(min=1e-12).rsqrt() for x in (a.sum(1), a.sum(0)))
    a = d_u[:, None] * a * d_i
    assert encoder.tables is not None
    user, item = encoder.tables.user.detach().double(), encoder.tables.item.detach().double()
    users, items = [user], [item]
    for _ in range(2):
        if unit:
            user, item = (torch.nn.functional.normalize(x, dim=-1) for x in (user, item))
        user, item = a @ item + 0.5 * 0.6 * dense_ties(graph) @ user, a.T @ user
        users.append(user)
        items.append(item)
    got = encoder(graph, Features())
    torch.testing.assert_close(got.user_UD.double(), sum(users) / 3, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got.item_ID.double(), sum(items) / 3, atol=1e-5, rtol=1e-5)


def test_ties_worth_nothing_send_nothing() -> None:
    graph = with_ties(random_graph())
    plain = lightgcn(graph)(graph, Features())
    mute = lightgcn(graph, social=0.5)(replace(graph, homophily=0.0), Features())
    assert torch.equal(plain.user_UD, mute.user_UD)
    assert torch.equal(plain.item_ID, mute.item_ID)


@pytest.mark.parametrize("attributes", ["beside", "alone"])
def test_attributes_stand_in_layer_0(attributes: str) -> None:
    graph = random_graph()
    features = telling_features(graph)
    encoder = lightgcn(graph, features, attributes=attributes, layers=0)
    with torch.no_grad():
        for layer in encoder.read.values():
            layer.weight.normal_(generator=torch.Generator().manual_seed(1))
    got = encoder(graph, features)
    for kind, found in (("user", got.user_UD), ("item", got.item_ID)):
        expected = getattr(features, kind) @ encoder.read[kind].weight.T
        if encoder.tables is not None:
            expected = expected + getattr(encoder.tables, kind)
        torch.testing.assert_close(found, expected)


def test_attributes_of_one_side_stand_beside_vectors_of_the_other() -> None:
    graph = random_graph()
    items = Features(item=telling_features(graph).item)
    assert lightgcn(graph, items, attributes="beside")(graph, items).user_UD.shape == (
        graph.users,
        DIM,
    )
    with pytest.raises(InputError, match="no attributes of users"):
        lightgcn(graph, items, attributes="alone")
    with pytest.raises(InputError, match="this set has no attributes"):
        lightgcn(graph, Features(), attributes="beside")


def test_whoever_has_no_edge_has_no_vector_of_their_own() -> None:
    graph = random_graph()
    lonely = Csr.of(graph.pattern.row, graph.pattern.column, (graph.users + 2, graph.items + 1))
    encoder = lightgcn(BipartiteGraph(lonely))
    assert encoder.tables is not None
    assert not bool(encoder.tables.user[-2:].any())
    assert not bool(encoder.tables.item[-1].any())
    assert bool(
        (encoder.tables.user[: graph.users].abs().sum(1) > 0)[graph.pattern.degrees()[0] > 0].all()
    )


def social(graph: BipartiteGraph, layers: int = 2) -> Social:
    encoder = Social(shape_of(graph), Rng(0), dim=DIM, layers=layers, scale=0.1)
    encoder.reset(graph, Features(), Rng(0))
    return encoder


def test_users_are_what_their_friends_are() -> None:
    graph = with_ties(random_graph())
    encoder, ties = social(graph), dense_ties(graph)
    z = encoder.ties.double()
    met = torch.nn.functional.normalize((ties @ z + ties @ ties @ z) / 2, dim=-1)
    expected = met @ encoder.read.weight.double().T + encoder.read.bias.double()
    torch.testing.assert_close(
        encoder(graph, Features()).user_UD.double(), expected.detach(), atol=1e-5, rtol=1e-5
    )


def test_the_leading_vectors_are_the_eigenvectors_of_the_ties() -> None:
    graph = with_ties(random_graph())
    assert graph.social is not None
    values, vectors = torch.linalg.eigh((torch.eye(graph.users).double() + dense_ties(graph)) / 2)
    found = leading(graph.social, 4, Rng(0)).double()  # as many as there are components
    tied = graph.social.degrees()[0] > 0
    assert not bool(found[~tied].any())
    expected = torch.nn.functional.normalize(vectors[:, -4:] * values[-4:], dim=-1)[tied]
    torch.testing.assert_close(
        found[tied] @ found[tied].T, expected @ expected.T, atol=2e-2, rtol=0
    )


def embed_new_users(
    encoder: Encoder, graph: BipartiteGraph, friends: Csr, met: Pairs
) -> torch.Tensor:
    with torch.no_grad():
        trained = encoder(graph, Features())
        new = graph.with_users(met, friends.shape[0], None, friends)
        start = encoder.expected(
            trained, graph.pattern.degrees()[0] > 0, friends.shape[0], Features()
        )
        return encoder.embed_new_users(new, trained, Features())(start)


NOBODY = Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(4)))  # type: ignore[arg-type]


def test_a_new_user_with_somebodys_friends_is_like_them() -> None:
    graph = with_ties(random_graph())
    assert graph.social is not None
    encoder = social(graph)
    some = graph.social.rows(slice(2, 5))
    found = embed_new_users(encoder, graph, some, NOBODY)
    torch.testing.assert_close(found, encoder(graph, Features()).user_UD[2:5], atol=1e-5, rtol=1e-5)
    nobody = embed_new_users(
        encoder, graph, Csr.of([], [], (1, graph.users), torch.zeros(0)), NOBODY
    )
    torch.testing.assert_close(nobody[0], encoder.read.bias)


def test_new_users_receive_from_friends_in_lightgcn() -> None:
    """The oracle: layer by layer from the friends' stored layers."""
    graph = replace(with_ties(random_graph()), homophily=0.8)
    encoder = lightgcn(graph, social=0.7)
    friends = Csr.of([0, 0, 1], [1, 4, 7], (2, graph.users), torch.ones(3))
    found = embed_new_users(encoder, graph, friends, NOBODY)
    trained = encoder(graph, Features())
    assert graph.social is not None
    assert trained.layers is not None
    weight = normalised(friends, graph.social.dense().sum(1))
    start = trained.user0_UD[graph.pattern.degrees()[0] > 0].mean(0)
    for new in range(2):
        expected = start / 3
        for user, _ in trained.layers[:-1]:
            for e in range(3):
                if friends.row[e] == new:
                    expected = expected + 0.7 * 0.8 * weight[e] * user[friends.column[e]] / 3
        torch.testing.assert_close(found[new], expected.detach(), atol=1e-5, rtol=1e-5)


def test_the_tie_graph_may_have_users_without_ties() -> None:
    graph = random_graph()
    graph = replace(
        graph, social=both_ways(Edges(np.array([0]), np.array([1]), np.ones(1)), graph.users)
    )
    found = social(graph)(graph, Features()).user_UD
    assert bool(torch.isfinite(found).all())
