"""Accuracy, AUC and log loss of pairs against sklearn and loops; who is a negative; who is left
out."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from gnnseg.evaluation import pairs
from gnnseg.evaluation.protocol import Protocol, Task
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import IdMap, Pairs, Split

U, I = 12, 30


class Table:
    """Scores as they stand in a table, and what was asked."""

    def __init__(self, score: torch.Tensor) -> None:
        self.score, self.asked = score, list[tuple[torch.Tensor, torch.Tensor]]()

    def pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        self.asked.append((users, items))
        return self.score[users.view(-1, *[1] * (items.dim() - 1)), items]

    def block(self, users: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        return self.score[users] if items is None else self.score[users][:, items]

    def edges(self, pattern: Csr) -> torch.Tensor:
        return self.pairs(pattern.row, pattern.column)


def part(keys: np.ndarray) -> Pairs:
    keys = np.sort(keys)
    return Pairs(keys // I, keys % I, np.ones(len(keys)), np.ones(len(keys), dtype=np.int64))


def make_split(seed: int = 0) -> Split:
    """User U-1 is cold; user U-2 has every item; user U-3 has all but item 7."""
    g = np.random.default_rng(seed)
    keys = g.permutation((U - 3) * I)[:120]
    parts = [keys[:70], keys[70:90], keys[90:]]
    parts[2] = np.concatenate([parts[2], [(U - 1) * I + 3, (U - 2) * I + 29, (U - 3) * I + 29]])
    parts[0] = np.concatenate(
        [parts[0], (U - 2) * I + np.arange(29), (U - 3) * I + np.setdiff1d(np.arange(29), [7])]
    )
    names = [IdMap(np.array([str(i) for i in range(n)], dtype=object)) for n in (U, I)]
    train, valid, test = (part(k) for k in parts)
    return Split(name="made", users=names[0], items=names[1], train=train, valid=valid, test=test)


def task_of(split: Split) -> Task:
    return Protocol(protocol="clean", seen="mask", ks=[5]).test_task(split)


def scores(seed: int = 0, levels: int | None = None) -> torch.Tensor:
    score = 3 * torch.randn(U, I, generator=torch.Generator().manual_seed(seed))
    return score if levels is None else (score * levels / 6).round()  # many ties, many zeros


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("negatives", [1, 4])
def test_against_sklearn(negatives: int, levels: int | None) -> None:
    split, table = make_split(), Table(scores(levels=levels))
    found, counts = pairs.evaluate(
        table, task_of(split), pairs.known(split), negatives, Rng(0), trained=negatives
    )
    users = torch.cat([u for u, _ in table.asked])
    items = torch.cat([i for _, i in table.asked])
    assert items.shape == (counts["pairs asked"], 1 + negatives)
    label = torch.zeros(items.shape, dtype=torch.long)
    label[:, 0] = 1
    logit = table.score[users[:, None], items].double()
    y, x = label.reshape(-1).numpy(), logit.reshape(-1)
    assert set(found) == {f"{name}/neg{negatives}" for name in ("accuracy", "auc", "logloss")}
    assert found[f"accuracy/neg{negatives}"] == pytest.approx(accuracy_score(y, (x > 0).numpy()))
    assert found[f"auc/neg{negatives}"] == pytest.approx(roc_auc_score(y, x.numpy()))
    assert found[f"logloss/neg{negatives}"] == pytest.approx(log_loss(y, x.sigmoid().numpy()))


@pytest.mark.parametrize("seed", range(5))
def test_auc_equals_a_loop(seed: int) -> None:
    g = np.random.default_rng(seed)
    positive, negative = g.integers(0, 4, 9).astype(float), g.integers(0, 4, 13).astype(float)
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positive for n in negative]
    assert pairs.auc(positive, negative) == pytest.approx(sum(wins) / len(wins))


def test_who_is_asked_against_whom() -> None:
    split, table = make_split(), Table(scores())
    _, counts = pairs.evaluate(table, task_of(split), pairs.known(split), 6, Rng(0), trained=6)
    users, items = (torch.cat(x) for x in zip(*table.asked, strict=True))
    own = {
        (int(u), int(i)) for p in split.parts.values() for u, i in zip(p.user, p.item, strict=True)
    }
    warm = set(split.train.user.tolist()) - {U - 2}
    expected = sorted(
        (int(u), int(i)) for u, i in zip(split.test.user, split.test.item, strict=True) if u in warm
    )
    assert sorted(zip(users.tolist(), items[:, 0].tolist(), strict=True)) == expected
    assert not own & {
        (int(u), int(j)) for u, row in zip(users, items[:, 1:], strict=True) for j in row
    }
    assert items[users == U - 3][:, 1:].unique().tolist() == [7]  # the only one there is
    assert counts == {
        "pairs asked": len(expected),
        "pairs of users cold or with every item": len(split.test) - len(expected),
    }


def test_negatives_are_a_function_of_the_seed() -> None:
    split = make_split()
    asked = []
    for seed in (0, 0, 1):
        table = Table(scores())
        pairs.evaluate(table, task_of(split), pairs.known(split), 2, Rng(seed), trained=2)
        asked.append(torch.cat([items for _, items in table.asked]))
    assert torch.equal(asked[0], asked[1])
    assert not torch.equal(asked[0], asked[2])


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    split = make_split()
    found = []
    for chunk in (1 << 16, 5):
        monkeypatch.setattr(pairs, "CHUNK", chunk)
        found.append(
            pairs.evaluate(
                Table(scores()), task_of(split), pairs.known(split), 2, Rng(0), trained=2
            )[0]
        )
    assert found[0] == found[1]


def test_known_answers() -> None:
    split = make_split()
    truth = pairs.known(split).dense()
    for score, accuracy, auc, logloss in [
        (100 * (2 * truth - 1), 1.0, 1.0, 0.0),  # knows everything
        (-100 * (2 * truth - 1), 0.0, 0.0, 100.0),  # knows it the wrong way round
        (
            torch.full((U, I), math.log(1 / 4)),
            0.8,
            0.5,
            -(0.2 * math.log(0.2) + 0.8 * math.log(0.8)),
        ),  # the odds alone
    ]:
        found, _ = pairs.evaluate(
            Table(score), task_of(split), pairs.known(split), 4, Rng(0), trained=4
        )
        got = [found[f"{name}/neg4"] for name in ("accuracy", "auc", "logloss")]
        assert got == pytest.approx([accuracy, auc, logloss], abs=1e-6)


@pytest.mark.parametrize("trained", [1, 3, 10])
def test_other_odds_by_the_rule_of_bayes(trained: int) -> None:
    """A user's items are of two looks. What is learned from counts at one mixture, moved, is right
    at another."""
    likely, unlikely = (
        0.7,
        0.2,
    )  # share of the look among items that come true, and among the others
    for look_true, look_false in [(likely, unlikely), (1 - likely, 1 - unlikely)]:
        learned = math.log(
            look_true / (trained * look_false)
        )  # the best logit at `trained` negatives a positive
        for negatives in (1, 4):
            chance = look_true / (look_true + negatives * look_false)  # by counting
            logit = learned + math.log(trained / negatives)
            assert 1 / (1 + math.exp(-logit)) == pytest.approx(chance)
    split = make_split()
    table, moved = Table(scores()), Table(scores() + math.log(trained / 2))
    got = pairs.evaluate(table, task_of(split), pairs.known(split), 2, Rng(0), trained=trained)[0]
    expected = pairs.evaluate(moved, task_of(split), pairs.known(split), 2, Rng(0), trained=2)[0]
    assert got == pytest.approx(expected, rel=1e-6)


def final_metrics(objective: str, *overrides: str) -> dict[str, float]:
    """The final metrics on a small planted set, one epoch, as the pipeline comes to it."""
    from gnnseg import config, data
    from gnnseg.config import build
    from gnnseg.evaluation import evaluator
    from gnnseg.graph import build as build_graph
    from gnnseg.runs.assembly import assemble
    from gnnseg.runs.inputs import Inputs
    from gnnseg.types import Features

    c = config.compose(["data=planted", f"objective={objective}", *overrides])
    config.check(c)
    dataset = data.load(c["data"], root=Path("."), cache=Path("."), say=lambda line: None)
    split = data.split.make(dataset, c["split"])
    protocol = build(c["evaluation"])
    graph = build_graph(split.train, len(split.users), len(split.items), weights=None)
    model = assemble(c, Inputs(graph).shape, Rng(0))
    with torch.no_grad():
        model.reset(graph, Features(), Rng(0))
        embeddings = model.embed(graph, Features())
        model.finish(embeddings, graph, Rng(0))
        scorer = model.head(embeddings)
        found = evaluator.final(
            scorer,
            embeddings,
            graph,
            split,
            split.train,
            protocol,
            4,
            Rng(0),
            model.negatives,
        )
    return found.metrics


@pytest.mark.slow
def test_pairs_are_reported_where_a_sigmoid_is_meant() -> None:
    names = {f"test/{name}/neg{n}" for name in ("accuracy", "auc", "logloss") for n in (1, 4)}
    assert names <= set(final_metrics("bce", "head=mlp", "encoder=mf"))
    assert not [
        n for n in final_metrics("bce", "head=posthoc", "encoder=mf") if "/neg" in n
    ]  # log shares: no logits
    assert not [
        n for n in final_metrics("sampled_softmax", "head=dot", "encoder=mf") if "/neg" in n
    ]


def test_nobody_to_ask_and_what_is_no_number() -> None:
    nothing = pairs.measures(torch.zeros(0), torch.zeros(0))
    assert all(math.isnan(value) for value in nothing.values())
    with pytest.raises(ValueError, match="NaN"):
        pairs.measures(torch.tensor([math.nan]), torch.zeros(1))
