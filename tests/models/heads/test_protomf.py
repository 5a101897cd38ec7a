"""ProtoMF's scores, shares and terms against loops in float64, and at their ends."""

from typing import Any

import polars as pl
import pytest
import torch

import gnnseg
from gnnseg import config
from gnnseg.config.stable import recorded, upgraded
from gnnseg.models.heads import ProtoMF
from gnnseg.models.objectives.prototypes import SimBatch, SimProto
from gnnseg.rng import Rng
from gnnseg.testing import random_embeddings, random_graph, shape_of
from gnnseg.types import Batch, Embeddings, InputError, Step

GRAPH, D = random_graph(), 6
K, L = 4, 3


def given() -> Embeddings:
    e = random_embeddings(GRAPH, D)
    user, item = (x.detach().double() for x in (e.user_UD, e.item_ID))
    return Embeddings(user, item, user, item)


def made(**options: Any) -> ProtoMF:
    return ProtoMF(
        shape_of(GRAPH, D), Rng(0), **{"segments": K, "item_prototypes": L, **options}
    ).double()


def near(x: torch.Tensor, p: torch.Tensor) -> float:
    return 1 + float(x @ p / (x.norm() * p.norm()))


@pytest.mark.parametrize("items", [0, L])
@torch.no_grad()
def test_scores_and_parts_equal_a_loop(items: int) -> None:
    head, e = made(item_prototypes=items), given()
    scorer = head(e)
    for u in range(0, GRAPH.users, 5):
        for i in range(0, GRAPH.items, 4):
            like = [near(e.user_UD[u], head.user_KD[k]) for k in range(K)]
            parts = [like[k] * float(head.taste_KD[k] @ e.item_ID[i]) for k in range(K)]
            personal = 0.0
            for m in range(items):
                assert head.item_LD is not None
                assert head.trait_LD is not None
                trait = float(head.trait_LD[m] @ e.user_UD[u])
                personal += trait * near(e.item_ID[i], head.item_LD[m])
            at = torch.tensor([u]), torch.tensor([i])
            why = scorer.explain(*at)
            assert scorer.pairs(*at).item() == pytest.approx(sum(parts) + personal)
            assert why.segments[0].tolist() == pytest.approx(parts)
            assert (why.personal is None) == (items == 0)
            assert items == 0 or why.personal.item() == pytest.approx(personal)
            assert scorer.alpha[u].tolist() == pytest.approx([x / sum(like) for x in like])
            through = sum(float(scorer.alpha[u, k] * scorer.beta[k, i]) for k in range(K))
            assert sum(like) * through == pytest.approx(sum(parts))


@torch.no_grad()
def test_truncated_scores_are_those_of_the_nearest_prototypes_alone() -> None:
    head, e = made(item_prototypes=0), given()
    scorer, one = head(e), head(e).truncated(1)
    every = torch.arange(GRAPH.users)
    best = scorer.alpha.argmax(1)
    expected = scorer.user_similarities(None).sum(1)[:, None] * scorer.beta[best]
    torch.testing.assert_close(one.block(every), expected)
    torch.testing.assert_close(scorer.truncated(K).block(every), scorer.block(every))
    torch.testing.assert_close(one.truncated(3).alpha, one.alpha)


@torch.no_grad()
def test_who_has_no_vector_is_in_every_segment_alike() -> None:
    e = given()
    scorer = made()(Embeddings(torch.zeros_like(e.user_UD), e.item_ID, e.user0_UD, e.item0_ID))
    assert bool((scorer.user_similarities(None) == 1).all())
    torch.testing.assert_close(scorer.alpha, torch.full_like(scorer.alpha, 1 / K))


@torch.no_grad()
def test_one_prototype_is_one_segment_and_opposite_users_share_nothing() -> None:
    e = given()
    assert bool((made(segments=1)(e).alpha == 1).all())
    head = made(segments=2, item_prototypes=0)
    head.start_at(torch.stack([e.user_UD[0], -e.user_UD[0]]))
    assert head(e).alpha[0].tolist() == pytest.approx([1, 0], abs=1e-9)


@pytest.mark.parametrize("negatives", [None, "shared", "own"])
@torch.no_grad()
def test_terms_equal_loops(negatives: str | None) -> None:
    head, e = made(), given()
    users, items = torch.tensor([3, 1, 3, 7]), torch.tensor([0, 5, 2, 0])
    drawn = {
        None: None,
        "shared": torch.tensor([4, 4, 9]),
        "own": torch.arange(8).view(4, 2),
    }[negatives]
    batch = Batch(users, items, torch.ones(4), drawn)
    seen = items.tolist() + ([] if drawn is None else drawn.reshape(-1).tolist())
    assert head.item_LD is not None
    like = [
        [[near(e.user_UD[u], p) for p in head.user_KD] for u in users.tolist()],
        [[near(e.item_ID[i], p) for p in head.item_LD] for i in seen],
    ]
    proto = [-sum(max(row[k] for row in x) for k in range(len(x[0]))) / len(x[0]) for x in like]
    rows = [-sum(max(row) for row in x) / len(x) for x in like]
    step = Step(e, head(e))
    for term, (of_users, of_items) in ((SimProto, proto), (SimBatch, rows)):
        got = term(items=0.5)(step, batch, Rng(0)).item()
        assert got == pytest.approx(of_users + 0.5 * of_items)
        alone = made(item_prototypes=0)
        alone.load_state_dict(head.state_dict(), strict=False)
        assert term()(Step(e, alone(e)), batch, Rng(0)).item() == pytest.approx(of_users)


def test_a_full_batch_looks_at_everybody_once() -> None:
    head, e, p = made(), given(), GRAPH.pattern
    batch = Batch(p.row, p.column, torch.ones(p.entries), pattern=p)
    scorer = head(e)
    expected = (
        -scorer.user_similarities(None).amax(1).mean()
        - scorer.item_similarities(None).amax(1).mean()
    )
    torch.testing.assert_close(SimBatch()(Step(e, scorer), batch, Rng(0)), expected)


def test_what_cannot_be_is_one_sentence() -> None:
    for options in ({"segments": 0}, {"item_prototypes": -1}):
        with pytest.raises(InputError, match="there must be at least 1, and 0 or more"):
            made(**options)
    with pytest.raises(InputError, match="the weight of the items' side"):
        SimProto(items=-1.0)
    with pytest.raises(
        InputError, match=r"sim_batch=simbatch: needs a head of prototypes.*weight=0"
    ):
        config.check(config.compose(["head=dot", "regularisers.sim_batch.weight=0.1"]))
    with pytest.raises(InputError, match="likelihood: needs a head whose scores are probabilities"):
        config.check(config.compose(["head=protomf", "objective=likelihood"]))


def test_runs_of_before_keep_their_names_and_come_back_with_the_terms() -> None:
    plain, set_ = config.compose([]), config.compose(["head=protomf"])
    assert "sim_proto" not in recorded(plain)["regularisers"]
    assert recorded(set_)["regularisers"]["sim_proto"]["weight"] > 0
    fitted = config.compose(["baseline=ease"])  # whose regularisers stand empty
    assert all(upgraded(recorded(each)) == each for each in (plain, set_, fitted))


@pytest.mark.slow
def test_a_run_has_segments_and_says_what_is_personal(tmp_path: Any) -> None:
    small = ["data.users=100", "data.items=40", "data.segments=4", "data.interactions=900"]
    run = gnnseg.train(
        "planted", [*small, "encoder=mf", "encoder.dim=8", "head=protomf", "head.segments=4",
                    "trainer.max_epochs=2", "threads=1", f"runs.root={tmp_path}"],
    )  # fmt: skip
    assert run.segments().columns[-1] == "alpha_4"
    listed = pl.read_parquet(run.path / "examples.parquet")
    user, item = listed.select("user", "item").row(0)
    why = run.explain(user, item)
    value = dict(why.select("part", "value").iter_rows())
    parts = why.filter(pl.col("segment").is_not_null())["value"].sum()
    assert parts + value["personal"] == pytest.approx(value["score"], abs=1e-4)
    assert "personal" in (run.path / "report.html").read_text("utf-8")
