"""Habits against a loop in float64; what they learn; what no event may know of itself."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gnnseg.data import visits
from gnnseg.evaluation import habits
from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import Segments
from gnnseg.models.heads.habit import HabitDistribution
from gnnseg.models.heads.readings import Distribution
from gnnseg.models.objectives import Likelihood
from gnnseg.rng import Rng
from gnnseg.runs import inputs
from gnnseg.sparse import Csr
from gnnseg.testing import full_batch
from gnnseg.testing.drawn import drawn_visits, random_embeddings, random_graph, shape_of
from gnnseg.training import events
from gnnseg.types import Earlier, Embeddings, InputError, Interactions, Pairs, Past, Step

SOFT = {"segments": 4, "tau_alpha": 0.2, "tau_beta": 0.2}
GRAPH = random_graph()
EVERY = torch.arange(GRAPH.users)


def still(graph: BipartiteGraph = GRAPH) -> Embeddings:
    e = random_embeddings(graph)
    user, item = e.user_UD.detach(), e.item_ID.detach()
    return replace(e, user_UD=user, item_ID=item, user0_UD=user, item0_ID=item)


def head_of(graph: BipartiteGraph = GRAPH, *, habit: bool = True, seed: int = 0) -> Segments:
    head = Segments(shape_of(graph, 16), Rng(0), **SOFT, habit=habit)  # type: ignore[arg-type]
    head.reset(random_embeddings(graph), graph, Rng(0))
    if head.habits is not None:
        g = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in head.habits.parameters():
                value.copy_(torch.randn(value.shape, generator=g) / 2)
    return head.requires_grad_(False)


def test_while_nothing_is_learned_of_habits_nobody_has_any() -> None:
    """Training mixes halves at first, that there be a gradient; nothing is recommended by that."""
    head = Segments(shape_of(GRAPH, 16), Rng(0), **SOFT, habit=True)  # type: ignore[arg-type]
    head.reset(random_embeddings(GRAPH), GRAPH, Rng(0))
    assert head.habits is not None
    e = still()
    scorer = head.requires_grad_(False)(e)
    assert isinstance(scorer, HabitDistribution)
    assert scorer.habits.tolist() == [0.0] * GRAPH.users
    plain = Distribution(e, head.segment_parameters(e))
    torch.testing.assert_close(scorer.block(EVERY), plain.block(EVERY))
    assert habits.warnings(scorer)[0].startswith("habits: no training event has an earlier visit")
    head.habits.trait[0] = 1e-3  # anything learned is heeded
    taught = head(e)
    assert float(taught.habits.max()) > 0.4
    assert habits.warnings(taught) == []


def learned(head: Segments) -> tuple[list[float], float, list[float]]:
    assert head.habits is not None
    decay = head.habits.decay.double().softmax(0).tolist()
    return decay, head.habits.level.item(), head.habits.trait.tolist()


def habit_of(head: Segments, traits: list[float], known: bool) -> float:
    _, level, weight = learned(head)
    logit = level + sum(w * f for w, f in zip(weight, traits, strict=True))
    return 1 / (1 + math.exp(-logit)) if known else 0.0


def rec_by_loop(head: Segments, e: Embeddings) -> Tensor:
    """rec (U,I), one number at a time."""
    past = e.past
    assert past is not None
    plain = Distribution(e, head.segment_parameters(e))
    alpha, beta = plain.alpha.double(), plain.beta.double()
    decay, _, _ = learned(head)
    share = {
        (u, i): sum(w * p for w, p in zip(decay, row, strict=True))
        for u, i, row in zip(
            past.taken.row.tolist(), past.taken.column.tolist(), past.share.tolist(), strict=True
        )
    }
    rec = torch.zeros(len(alpha), beta.shape[1], dtype=torch.float64)
    for u in range(len(alpha)):
        h = habit_of(head, past.traits[u].tolist(), bool(past.any[u]))
        for i in range(beta.shape[1]):
            rec[u, i] = (1 - h) * float(alpha[u] @ beta[:, i]) + h * share.get((u, i), 0.0)
    return rec


def test_scores_equal_a_loop_and_rows_sum_to_one() -> None:
    head, e = head_of(), still()
    scorer, expected = head(e), rec_by_loop(head, e)
    assert isinstance(scorer, HabitDistribution)
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(scorer.block(EVERY).double(), expected.log(), **close)
    ones = torch.ones(GRAPH.users, dtype=torch.float64)
    torch.testing.assert_close(expected.sum(1), ones, **close)
    assert float(scorer.habits[-1]) == 0.0  # the last user has no past
    assert bool((scorer.habits[:-1] > 0).all())


def test_the_policy_is_that_of_the_whole_sum() -> None:
    head, e = head_of(), still()
    scorer, rec = head(e), rec_by_loop(head, e)
    assert isinstance(scorer, HabitDistribution)
    seen = Csr.of([0, 0, 3], [1, 4, 2], (GRAPH.users, GRAPH.items))
    users, items = torch.tensor([0, 3, 0, 5]), torch.tensor([2, 2, 1, 0])
    left = 1 - (rec * seen.dense().double()).sum(1)
    expected = (rec[users, items] / left[users]).log()
    expected[seen.dense()[users, items] > 0] = -torch.inf
    got = scorer.log_prob(users, items, seen).double()
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    plain = scorer.log_prob(users, items).double()
    torch.testing.assert_close(plain, rec[users, items].log(), atol=1e-4, rtol=1e-4)
    slates = torch.tensor([[2, 3], [5, 1]])
    total = scorer.slate_log_prob(torch.tensor([0, 3]), slates)
    for row, user in enumerate((0, 3)):
        first, second = slates[row].tolist()
        a, b = float(rec[user, first]), float(rec[user, second])
        assert float(total[row]) == pytest.approx(math.log(a * b / (1 - a)), abs=1e-4)
    drawn = scorer.sample(torch.zeros(4000, dtype=torch.int64), 1, Rng(0))[:, 0]
    share = torch.bincount(drawn, minlength=GRAPH.items) / 4000
    torch.testing.assert_close(share.double(), rec[0], atol=0.03, rtol=0.0)


def test_explanations_name_habit_as_one_part_of_the_whole() -> None:
    head, e = head_of(), still()
    scorer, rec = head(e), rec_by_loop(head, e)
    p = GRAPH.pattern
    why = scorer.explain(p.row, p.column)
    assert why.habit is not None
    torch.testing.assert_close(why.segments.sum(1) + why.habit, torch.ones(p.entries))
    past = e.past
    assert past is not None
    own = past.share.double() @ torch.tensor(learned(head)[0], dtype=torch.float64)
    h = [habit_of(head, past.traits[u].tolist(), True) for u in p.row.tolist()]
    expected = torch.tensor(h, dtype=torch.float64) * own / rec[p.row, p.column]
    torch.testing.assert_close(why.habit.double(), expected, atol=1e-4, rtol=1e-4)


def test_memberships_are_the_segments_own() -> None:
    e = still()
    plain, habit = head_of(habit=False)(e), head_of()(e)
    assert torch.equal(plain.alpha, habit.alpha)
    assert torch.equal(plain.beta, habit.beta)
    assert torch.equal(plain.truncated(1).alpha, habit.truncated(1).alpha)
    without = head_of()(replace(e, past=None))
    torch.testing.assert_close(without.block(EVERY), plain.block(EVERY))


def test_new_users_of_the_same_past_are_served_alike() -> None:
    head, e = head_of(), still()
    scorer, some = head(e), torch.tensor([4, 2])
    apart = drawn_visits(GRAPH)
    mine = np.flatnonzero(np.isin(apart.user, some.numpy()))
    events = apart.rows(mine)
    number = np.where(events.user == 4, 0, 1)
    theirs = visits.of(replace(events, user=number))
    past = visits.latest(theirs, visits.half_lives(apart), 2, GRAPH.items)
    assert isinstance(scorer, HabitDistribution)
    new = scorer.with_users(e.user_UD[some])
    assert isinstance(new, HabitDistribution)
    assert float(new.habits.sum()) == 0.0  # until their history is known
    again = new.with_past(past).block(torch.tensor([0, 1]))
    torch.testing.assert_close(again, scorer.block(some))


def events_of(graph: BipartiteGraph, apart: Interactions) -> events.TrainingEvents:
    p = graph.pattern
    ones = np.ones(p.entries)
    train = Pairs(p.row.numpy(), p.column.numpy(), ones, ones.astype(np.int64))
    half_life = visits.half_lives(apart)
    earlier = visits.earlier(apart, half_life, graph.items)
    return events.of(Likelihood(), p, train, None, "drawn", mask=False, earlier=earlier)


def loss_of(head: Segments, e: Embeddings, made_of: events.TrainingEvents) -> Tensor:
    batch = replace(
        full_batch(GRAPH), users=made_of.users, items=made_of.items, weight=made_of.weight,
        earlier=made_of.earlier,
    )  # fmt: skip
    return Likelihood()(Step(e, head(e)), batch, Rng(0))


def test_the_likelihood_equals_a_loop_over_visits() -> None:
    """-sum_e w_e log((1 - h_e) sum_k alpha beta + h_e p_e), the past of earlier visits alone."""
    head, e, apart = head_of(), still(), drawn_visits(GRAPH)
    assert apart.time is not None
    plain = Distribution(e, head.segment_parameters(e))
    decay, _, _ = learned(head)
    half_life = visits.half_lives(apart)
    degree = GRAPH.pattern.degrees()[0].tolist()
    total = weights = 0.0
    rows = list(zip(apart.user.tolist(), apart.time.tolist(), apart.item.tolist(), strict=True))
    for user, time, item in rows:
        before = [(t, i) for u, t, i in rows if u == user and t < time]
        own = 0.0
        for w, each in zip(decay, half_life, strict=True):
            fade = [1.0 if math.isinf(each) else 2 ** ((t - time) / each) for t, _ in before]
            mine = sum(f for f, (_, i) in zip(fade, before, strict=True) if i == item)
            own += w * mine / sum(fade) if before else 0.0
        again = len(before) - len({i for _, i in before})
        different = len({i for _, i in before})
        odds = math.log((again + 0.5) / (different + 0.5))
        h = habit_of(head, [math.log(1 + len(before)), odds], bool(before))
        segments = float(plain.alpha[user].double() @ plain.beta[:, item].double())
        weight = degree[user] ** -0.3
        total -= weight * math.log((1 - h) * segments + h * own)
        weights += weight
    found = loss_of(head, e, events_of(GRAPH, apart))
    assert float(found) == pytest.approx(total / weights, rel=1e-4)
    made_of = events_of(GRAPH, apart)
    batch = replace(full_batch(GRAPH), users=made_of.users, items=made_of.items, pattern=None,
                    weight=made_of.weight, earlier=made_of.earlier)  # fmt: skip
    apiece = Likelihood()(Step(e, head(e)), batch, Rng(0))  # as in mini-batches
    torch.testing.assert_close(apiece, found)


def test_without_a_past_the_likelihood_is_that_of_the_segments() -> None:
    """One visit a user: h = 0, and the loss is today's, of pairs."""
    head, e = head_of(), still()
    p = GRAPH.pattern
    apart = Interactions(p.row.numpy(), p.column.numpy(), time=np.zeros(p.entries))
    mixed = loss_of(head, e, events_of(GRAPH, visits.of(apart)))
    pairs = full_batch(GRAPH)
    weight = Likelihood().pair_weights(p.row, p.degrees()[0], torch.ones(p.entries))
    off = head_of(habit=False)
    plain = Likelihood()(Step(e, off(e)), replace(pairs, weight=weight), Rng(0))
    torch.testing.assert_close(mixed, plain)


def test_a_pairs_weight_is_shared_by_its_visits_where_pairs_weigh() -> None:
    p, apart = GRAPH.pattern, drawn_visits(GRAPH)
    value = np.arange(1.0, p.entries + 1)
    train = Pairs(p.row.numpy(), p.column.numpy(), value, value.astype(np.int64))
    earlier = visits.earlier(apart, visits.half_lives(apart), GRAPH.items)
    objective = Likelihood(weights="value", degree_power=0.0)
    made_of = events.of(objective, p, train, None, "drawn", mask=False, earlier=earlier)
    total = torch.zeros(p.entries).index_add(0, earlier.pair, made_of.weight)
    torch.testing.assert_close(total, torch.from_numpy(value / value.sum()).float())


def test_gradients_are_those_of_differences() -> None:
    head, apart = head_of().double(), drawn_visits(GRAPH)
    found = visits.earlier(apart, visits.half_lives(apart), GRAPH.items)
    earlier = Earlier(found.pair, found.share.double(), found.traits.double(), found.any)
    e = still()
    user, item = e.user_UD.detach().double(), e.item_ID.detach().double()
    scorer = head(Embeddings(user, item, user, item))
    assert isinstance(scorer, HabitDistribution)
    users, items = torch.from_numpy(apart.user), torch.from_numpy(apart.item)
    some = slice(0, 40)
    assert head.habits is not None

    def loss(decay: Tensor, level: Tensor, trait: Tensor) -> Tensor:
        habit = replace(head.habits(), decay_M=decay.softmax(0), level=level, trait_F=trait)
        again = HabitDistribution(scorer._e, replace(scorer._p, habit=habit))
        product = again.after(users, items, earlier, GRAPH.pattern)[some]
        return product.double().sum()

    given = [value.detach().clone().requires_grad_() for value in head.habits.parameters()]
    assert torch.autograd.gradcheck(loss, given, eps=1e-3, atol=2e-2, rtol=2e-2)


def train(apart: Interactions, users: int, items: int, steps: int = 120) -> HabitDistribution:
    """Learn segments and habits of visits together, on free embeddings."""
    key = np.unique(apart.user * items + apart.item)
    graph = BipartiteGraph(Csr.of(key // items, key % items, (users, items)))
    made_of = events_of(graph, apart)
    e = random_embeddings(graph)
    head = Segments(shape_of(graph, 16), Rng(0), **SOFT, habit=True)  # type: ignore[arg-type]
    head.reset(e, graph, Rng(0))
    batch = replace(
        full_batch(graph), users=made_of.users, items=made_of.items, weight=made_of.weight,
        earlier=made_of.earlier,
    )  # fmt: skip
    optimizer = torch.optim.Adam([*head.parameters(), e.user_UD, e.item_ID], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        Likelihood()(Step(e, head(e)), batch, Rng(0)).backward()
        optimizer.step()
    past: Past = visits.latest(apart, visits.half_lives(apart), users, items)
    scorer = head(replace(e, past=past))
    assert isinstance(scorer, HabitDistribution)
    return scorer


def drawn_purchases(again: float, *, timed: bool, seed: int = 0) -> Interactions:
    """60 users, 20 visits of one item each: one of before with chance ``again``, else a new one."""
    g = np.random.default_rng(seed)
    rows = []
    for user in range(60):
        fresh, had = list(g.permutation(200)), []
        for day in range(20):
            old = had and g.random() < again
            item = had[g.integers(len(had))] if old else fresh.pop()
            had.append(item)
            rows.append((user, item, day * visits.DAY))
    user, item, time = (np.array(column) for column in zip(*rows, strict=True))
    return visits.of(Interactions(user, item, time=time if timed else None))


@pytest.mark.parametrize("timed", [True, False])
def test_things_bought_once_make_no_habit(timed: bool) -> None:
    """Were an event its own evidence, likelihood would drive h to 1."""
    habits = train(drawn_purchases(0.0, timed=timed), 60, 200).habits.detach()
    assert float(habits.max()) < 0.02


def test_things_bought_again_are_learned_as_they_were_drawn() -> None:
    habits = train(drawn_purchases(0.7, timed=True), 60, 200).habits.detach()
    assert 0.6 < float(habits.mean()) < 0.8


def test_a_past_mixes_with_probabilities_alone() -> None:
    with pytest.raises(InputError, match="head.beta=distribution"):
        Segments(shape_of(GRAPH, 16), Rng(0), beta="affinity", habit=True)


@pytest.mark.parametrize("timed", [True, False])
def test_items_weigh_by_repeats_where_there_is_a_before(timed: bool) -> None:
    apart = visits.of(drawn_purchases(0.7, timed=timed))
    graph = random_graph(60, 200)
    past = inputs.with_past(graph, apart).past
    assert past is not None
    assert (past.again is not None) == timed
    assert inputs.with_past(graph, apart, repeats=False).past.again is None  # type: ignore[union-attr]
