"""Sampled metrics against a loop over each user's candidates, as RecBole defines them."""

import math

import numpy as np
import pytest
import torch

from gnnseg import config
from gnnseg.evaluation import evaluator, sampled
from gnnseg.evaluation.protocol import Protocol
from gnnseg.evaluation.sampled import Among, SampledNegatives
from gnnseg.report import tables
from gnnseg.rng import Rng
from gnnseg.runs import train
from gnnseg.sparse import Csr
from gnnseg.testing.drawn import TableScorer
from gnnseg.types import IdMap, InputError, Pairs, Split

U, I = 20, 40
FULL, NARROW = U - 2, U - 3  # a user who has every item; one who has all but two


def part(keys):
    keys = np.unique(keys)
    count = keys % 3 + 1
    return Pairs(keys // I, keys % I, np.ones(len(keys)), count.astype(np.int64))


@pytest.fixture
def split():
    g = np.random.default_rng(0)
    keys = g.permutation((U - 3) * I)[:200]
    parts = [keys[:140], keys[140:170], keys[170:]]
    parts[0] = np.concatenate(
        [parts[0], FULL * I + np.arange(I - 1), NARROW * I + np.arange(I - 3)]
    )
    parts[2] = np.concatenate([parts[2], [FULL * I + I - 1, NARROW * I + I - 3]])
    users, items = (
        IdMap(np.array([f"{kind}{n}" for n in range(size)], dtype=object))
        for kind, size in (("u", U), ("i", I))
    )
    train, valid, test = map(part, parts)
    return Split(name="hand", users=users, items=items, train=train, valid=valid, test=test)


def rules(*names, ks=(3,), metrics=("ndcg", "hit", "recall", "mrr", "novelty", "coverage")):
    return Protocol(protocol="clean", seen="mask", ks=list(ks), metrics=list(metrics),
                    sampled=list(names))  # fmt: skip


def sets(csr):
    found = [set() for _ in range(csr.shape[0])]
    for u, i in zip(csr.row.tolist(), csr.column.tolist(), strict=True):
        found[u].add(i)
    return found


@pytest.mark.parametrize("name", ["uni5", "pop5"])
def test_figures_are_those_of_a_loop_over_candidates(split, name):
    protocol, scores = rules(name), torch.randn(U, I, generator=torch.Generator().manual_seed(1))
    task = protocol.test_task(split)
    found = evaluator.rank(TableScorer(scores), task, protocol, split.train, torch.device("cpu"))
    relevant, among = sets(task.relevant), sets(task.candidates[name])
    expected = {key: [] for key in ("ndcg", "hit", "recall", "mrr")}
    for user in range(U):
        if not relevant[user] or task.cold[user] or not among[user]:
            continue
        listed = sorted(among[user], key=lambda i: (-float(scores[user, i]), i))[:3]
        hits = [i in relevant[user] for i in listed]
        ideal = sum(1 / math.log2(r + 2) for r in range(min(3, len(relevant[user]))))
        expected["ndcg"].append(sum(h / math.log2(r + 2) for r, h in enumerate(hits)) / ideal)
        expected["hit"].append(float(any(hits)))
        expected["recall"].append(sum(hits) / len(relevant[user]))
        expected["mrr"].append(next((1 / (r + 1) for r, h in enumerate(hits) if h), 0.0))
    for key, values in expected.items():
        assert found.metrics[f"{key}@3/{name}"] == pytest.approx(np.mean(values))
        theirs = found.per_user[f"{key}@3/{name}"]
        np.testing.assert_allclose(theirs[~np.isnan(theirs) & ~found.per_user["cold"]], values)
    assert f"novelty@3/{name}" not in found.metrics
    assert "novelty@3" in found.metrics
    assert math.isnan(found.per_user[f"ndcg@3/{name}"][found.per_user["user"] == FULL][0])


@pytest.mark.parametrize("name", ["uni7", "pop7"])
def test_negatives_are_what_the_user_has_not_taken_up_to_the_part(split, name):
    protocol = rules(name)
    train, valid, test = (sets(Csr.of(p.user, p.item, (U, I))) for p in split.parts.values())
    for task, taken in (
        (protocol.valid_task(split), [a | b for a, b in zip(train, valid, strict=True)]),
        (
            protocol.test_task(split),
            [a | b | c for a, b, c in zip(train, valid, test, strict=True)],
        ),
    ):
        relevant, among = sets(task.relevant), sets(task.candidates[name])
        for user in range(U):
            negatives = among[user] - relevant[user]
            assert not negatives & taken[user]
            assert len(negatives) <= 7 * len(relevant[user])
            if len(taken[user]) < I:
                assert relevant[user] <= among[user]
        assert not among[FULL]
    among = sets(protocol.test_task(split).candidates[name])
    assert among[NARROW] <= {I - 3, I - 2, I - 1}


def test_draws_are_of_the_data_and_the_name_alone(split):
    one, again = (rules("uni5").test_task(split).candidates["uni5"] for _ in range(2))
    assert torch.equal(one.column, again.column)
    both = rules("pop5", "uni5").test_task(split).candidates
    assert torch.equal(both["uni5"].column, one.column)


def test_popular_negatives_come_as_often_as_they_were_taken():
    count = torch.tensor([1, 2, 3, 4, 0, 90])
    taken = Csr.of([0], [5], (1, 6))  # of the rest: 1, 2, 3, 4, 0 parts in ten
    drawn = sampled.popular_own(torch.zeros(400, dtype=torch.int64), 50, taken, count, Rng(0))
    share = torch.bincount(drawn.reshape(-1), minlength=6) / drawn.numel()
    np.testing.assert_allclose(share, [0.1, 0.2, 0.3, 0.4, 0, 0], atol=0.015)
    nobody = sampled.popular_own(torch.tensor([0]), 9, Csr.of([0], [5], (1, 6)),
                                 torch.tensor([0, 0, 0, 0, 0, 9]), Rng(0))  # fmt: skip
    assert set(nobody.reshape(-1).tolist()) <= {0, 1, 2, 3, 4}


def test_only_candidates_are_listed_however_asked():
    scores = torch.arange(12.0).view(3, 4)
    among = Among(TableScorer(scores), Csr.of([0, 0, 2], [1, 3, 0], (3, 4)))
    block = among.block(torch.arange(3))
    assert block.isfinite().sum() == 3
    assert torch.equal(
        among.pairs(torch.tensor([0, 1]), torch.tensor([1, 1])), block[[0, 1], [1, 1]]
    )
    assert torch.equal(among.block(torch.tensor([2]), torch.tensor([0, 3])), block[2:][:, [0, 3]])


@pytest.mark.parametrize("name", ["uni", "uni0", "100", "pop-5", "uniform100", "uni99 ", ""])
def test_a_way_that_is_none_is_one_sentence(name):
    with pytest.raises(InputError, match="uniN or popN"):
        SampledNegatives.of(name)


def test_the_same_way_twice_is_one_sentence():
    with pytest.raises(InputError, match="uni9 stands twice"):
        rules("uni9", "uni9")


SMALL = [
    "data=planted", "data.users=80", "data.items=50", "data.interactions=900", "data.segments=3",
    "head.segments=3", "encoder.dim=8", "trainer.max_epochs=4", "threads=1",
]  # fmt: skip


def test_an_epoch_may_be_chosen_by_a_sampled_figure(tmp_path):
    asked = config.compose([*SMALL, f"runs.root={tmp_path}", "evaluation.sampled=[uni9]",
                            "trainer.monitor=valid/ndcg@10/uni9"])  # fmt: skip
    config.check(asked)
    record = tables.read(train.train(asked).path)
    figures = record["metrics"]
    assert 0 < figures["test/hit@10/uni9"] <= 1
    assert figures["test/ndcg@10/uni9"] > figures["test/ndcg@10"]
    assert "test/hit@10/uni9" in record["baselines"]["popularity"]
    assert "among 9 uniform negatives" in tables.metrics(record)


def test_a_monitor_among_negatives_nobody_asked_for_is_one_sentence():
    asked = config.compose([*SMALL, "trainer.monitor=valid/ndcg@10/uni9"])
    with pytest.raises(InputError, match=r"evaluation.sampled=\[uni9\]"):
        config.check(asked)
