"""The term that learns labels: loops in float64, finite differences, numbering, planted segments
from 5 % observed."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from gnnseg import config
from gnnseg.data.labels import Labelled
from gnnseg.data.raw import Raw
from gnnseg.data.sets.planted import Planted
from gnnseg.evaluation import evaluator
from gnnseg.models.heads import Segments
from gnnseg.models.objectives import Labels
from gnnseg.report import page, tables
from gnnseg.rng import Rng
from gnnseg.runs import schema
from gnnseg.runs import train as pipeline
from gnnseg.runs.persistence import restore
from gnnseg.runs.run import Run
from gnnseg.types import Batch, Embeddings, InputError, Shape, Step

U, D, K, C = 9, 5, 4, 3
LABEL = torch.tensor([0, -1, 2, 1, -1, 0, 2, 2, -1])


def term(readout: str, **options: Any) -> Labels:
    made = Labels(column="first", share=0.5, readout=readout, **options)  # type: ignore[arg-type]
    made.prepare(Shape(U, 6, torch.ones(6), width=D, classes=C), Rng(0))
    return made.double()


def step_of(user: torch.Tensor, users: torch.Tensor | None = None) -> tuple[Segments, Step]:
    item = torch.randn(6, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    head = Segments(
        Shape(U, 6, torch.ones(6), width=D), Rng(0), segments=K, beta="distribution", tied=False,
        top=None, centre=True,
        tau_alpha=0.3, tau_beta=0.3, tau=0.2,
    ).double()  # fmt: skip
    e = Embeddings(user, item, user, item, users=users)
    return head, Step(e, head(e))


def users(grad: bool = False) -> torch.Tensor:
    made = torch.randn(U, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return made.requires_grad_(grad)


def batch(label: torch.Tensor = LABEL) -> Batch:
    none = torch.zeros(0, dtype=torch.long)
    return Batch(none, none, torch.zeros(0), labels=label)


@torch.no_grad()
def loop(readout: str, made: Labels, head: Segments, user: torch.Tensor) -> float:
    total, told = 0.0, 0
    for i, label in enumerate(LABEL.tolist()):
        if label < 0:
            continue
        if readout == "alpha":
            logits = [
                float(torch.cosine_similarity(user[i], head.user_KD[k], dim=0)) / 0.3
                for k in range(K)
            ]
        else:
            assert made.linear is not None
            logits = [
                float(user[i] @ made.linear.weight[c] + made.linear.bias[c]) for c in range(C)
            ]
        total -= logits[label] - math.log(sum(math.exp(x) for x in logits))
        told += 1
    return total / told


@pytest.mark.parametrize("readout", ["alpha", "linear"])
def test_the_loss_equals_a_loop(readout: str) -> None:
    made, user = term(readout), users()
    head, step = step_of(user)
    assert made(step, batch(), Rng(0)).item() == pytest.approx(
        loop(readout, made, head, user), rel=1e-9
    )


@pytest.mark.parametrize("readout", ["alpha", "linear"])
def test_the_gradient_equals_finite_differences(readout: str) -> None:
    made = term(readout)
    assert torch.autograd.gradcheck(
        lambda user: made(step_of(user)[1], batch(), Rng(0)), users(grad=True)
    )
    if made.linear is not None:
        names, values = zip(
            *((n, p.detach().clone().requires_grad_()) for n, p in made.named_parameters()),
            strict=True,
        )
        step = step_of(users())[1]

        def of_readout(*given: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = torch.func.functional_call(
                made, dict(zip(names, given, strict=True)), (step, batch(), Rng(0))
            )
            return found

        assert torch.autograd.gradcheck(of_readout, values)


@pytest.mark.parametrize("readout", ["alpha", "linear"])
def test_only_observed_users_are_looked_at(readout: str) -> None:
    made, user = term(readout), users(grad=True)
    made(step_of(user)[1], batch(), Rng(0)).backward()
    assert user.grad is not None
    assert ((user.grad.abs().sum(1) > 0) == (LABEL >= 0)).all()


@pytest.mark.parametrize("readout", ["alpha", "linear"])
def test_rows_of_some_users_are_read_by_their_ids(readout: str) -> None:
    made, user = term(readout), users()
    some = torch.tensor([7, 0, 1, 3])
    part = made(step_of(user[some], some)[1], batch(), Rng(0))
    alone = torch.where(torch.isin(torch.arange(U), some), LABEL, -1)
    torch.testing.assert_close(part, made(step_of(user)[1], batch(alone), Rng(0)))
    nobody = made(step_of(user[[1, 4]], torch.tensor([1, 4]))[1], batch(), Rng(0))
    assert nobody.item() == 0


def test_chances_are_a_softmax_or_alpha_itself() -> None:
    step = step_of(users())[1]
    torch.testing.assert_close(term("alpha").predict(step), step.scorer.alpha[:, :C])  # type: ignore[attr-defined]
    said = term("linear").predict(step)
    torch.testing.assert_close(said.sum(1), torch.ones(U, dtype=torch.float64))


def test_segments_are_numbered_so_that_the_term_is_smallest() -> None:
    made, user = term("alpha"), users()
    _, step = step_of(user)
    order = made.numbering(step, LABEL)
    assert order is not None
    assert sorted(order.tolist()) == list(range(K))

    def loss(numbers: list[int]) -> float:
        other = step_of(user)[0]
        other.renumber(torch.tensor(numbers))
        return made(Step(step.embeddings, other(step.embeddings)), batch(), Rng(0)).item()

    assert loss(order.tolist()) == pytest.approx(
        min(loss(list(p)) for p in itertools.permutations(range(K)))
    )
    assert term("linear").numbering(step, LABEL) is None


def test_fewer_segments_than_classes_is_one_sentence() -> None:
    made = Labels(column="first", share=0.5, readout="alpha")
    made.prepare(Shape(U, 6, torch.ones(6), width=D, classes=K + 1), Rng(0))
    with pytest.raises(
        InputError,
        match=r"head\.segments=4: .*each of the 5 classes of first.*head\.segments=5 or more",
    ):
        made(step_of(users())[1], batch(), Rng(0))


def test_observed_users_are_never_evaluated() -> None:
    truth = np.array([0, 1, 0, 1, -1, 0])
    told = np.array([True, True, False, False, False, False])
    chance = torch.eye(2)[torch.tensor([1, 0, 0, 0, 1, 0])]  # wrong of both who were observed
    result = evaluator.with_labels(
        evaluator.Evaluation({}, {}, [], {}), chance, Labelled("x", ("a", "b"), truth, told)
    )
    assert result.metrics["label/accuracy"] == pytest.approx(2 / 3)
    assert result.baselines["majority class"]["label/accuracy"] == pytest.approx(
        2 / 3
    )  # of one each: the first
    whole = Labelled("x", ("a", "b"), truth, truth >= 0)
    assert evaluator.with_labels(evaluator.Evaluation({}, {}, [], {}), chance, whole).metrics == {}


# --- whole runs -----------------------------------------------------------------------------------
# ----------------


def planted(hard: bool = True) -> Raw:
    """A drawn set whose users' first segment is an attribute; the last two have none."""
    raw = Planted(
        preset="hard" if hard else "easy", users=240, items=100, segments=4, interactions=5000
    ).draw()
    assert raw.truth is not None
    assert raw.users is not None
    first = [f"kind {k}" for k in raw.truth.alpha.argmax(1)]
    users = raw.users.with_columns(first=pl.Series([*first[:-2], None, None]))
    return replace(raw, users=users, truth=None)


def train(root: Path, raw: Raw, *overrides: str) -> Run:
    composed = config.compose(
        [
            "data=given", f"runs.root={root}", "threads=1", "head.segments=4", "encoder.dim=16",
            "trainer.max_epochs=60",
            "trainer.eval_every=30", "regularisers.labels.column=first", *overrides,
        ]
    )  # fmt: skip
    config.check(composed)
    return Run.load(pipeline.train(composed, say=lambda line: None, raw=raw).path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    root, raw = tmp_path_factory.mktemp("runs"), planted()
    return {
        readout: train(
            root, raw, "regularisers.labels.weight=1", f"regularisers.labels.readout={readout}"
        )
        for readout in ("alpha", "linear")
    }


@pytest.mark.slow
@pytest.mark.parametrize(("readout", "least"), [("alpha", 0.7), ("linear", 0.4)])
def test_five_in_a_hundred_tell_the_rest(runs: dict[str, Run], readout: str, least: float) -> None:
    """Chance is one in four; the hard preset spreads users over the other segments."""
    run = runs[readout]
    assert run.metrics["label/accuracy"] > least
    assert run.metrics["label/macro_f1"] > least
    assert run.record["baselines"]["majority class"]["label/accuracy"] < 0.3
    told = run.record["data"]["labels"]
    assert told["told"] == 12
    assert told["labelled"] == 238


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["alpha", "linear"])
def test_what_a_run_keeps_of_its_labels(runs: dict[str, Run], readout: str) -> None:
    run = runs[readout]
    frame = run.labels()
    assert frame.columns == ["user", "label", "told", "predicted", "probability"]
    assert schema.check(run.path) == []
    assert frame["label"].null_count() == 2
    assert frame["predicted"].null_count() == 0
    assert frame["user"].to_list() == run.stored.users.ids.tolist()
    held = frame.filter(pl.col("label").is_not_null() & ~pl.col("told"))
    right = (held["label"] == held["predicted"]).mean()
    assert right == pytest.approx(run.metrics["label/accuracy"])
    if readout == "alpha":
        assert frame["predicted"].to_list() == [f"kind {k}" for k in run.segments()["segment"] - 1]
        np.testing.assert_allclose(frame["probability"], run.alpha.max(1), rtol=1e-5)
    back = restore(run.path, run.stored.config, run.split())
    assert back.labels is not None
    assert back.labels.account() == run.record["data"]["labels"]
    html, text = page.render(run.path), tables.run(run.path)
    assert "Labels: first" in html
    assert html.count("majority class") == 1  # not among the rankings' rows
    assert "labels first: 12 users observed, 226 held out" in text
    (run.path / "labels.parquet").rename(run.path / "away")
    try:
        assert schema.check(run.path) == ["labels.parquet: is missing"]
    finally:
        (run.path / "away").rename(run.path / "labels.parquet")


@pytest.mark.slow
def test_somebody_new_is_assigned_by_a_run_with_a_read_out(runs: dict[str, Run]) -> None:
    item = str(runs["linear"].stored.items.ids[0])
    assert len(runs["linear"].assign({"somebody new": [item]})) == 1


@pytest.mark.slow
def test_weight_0_changes_nothing_bit_for_bit(tmp_path: Path) -> None:
    raw, few = planted(), ["trainer.max_epochs=10", "trainer.eval_every=5"]
    off = train(
        tmp_path, raw, *few, "regularisers.labels.weight=0", "regularisers.labels.column=first"
    )
    composed = config.compose(
        [
            "data=given",
            f"runs.root={tmp_path}",
            "threads=1",
            "head.segments=4",
            "encoder.dim=16",
            *few,
        ]
    )
    del composed["regularisers"]["labels"]
    config.check(composed)
    without = Run.load(pipeline.train(composed, say=lambda line: None, raw=raw).path)
    assert off.path != without.path
    a, b = load_file(off.path / "model.safetensors"), load_file(without.path / "model.safetensors")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert off.record["metrics"] == without.record["metrics"]
    assert off.record["data"]["labels"] is None
    with pytest.raises(
        InputError, match=r"learned no labels; train with regularisers\.labels\.weight above 0"
    ):
        off.labels()


@pytest.mark.slow
def test_the_labels_column_is_not_among_the_features(tmp_path: Path) -> None:
    few = ["trainer.max_epochs=2", "trainer.eval_every=1", "encoder=linear", "encoder.dim=16"]
    told = train(tmp_path, planted(), *few, "regularisers.labels.weight=1")
    read = train(tmp_path, planted(), *few)
    columns = {
        name: pl.read_parquet(run.path / "attributes.parquet")["attribute"].to_list()
        for name, run in (("told", told), ("read", read))
    }
    assert "first=kind 0" in columns["read"]
    assert not [name for name in columns["told"] if name.startswith("first")]
    assert "age" in columns["told"]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["dot", "posthoc", "hybrid", "neumf", "mlp"])
def test_every_head_takes_the_readout_that_it_can(head: str, tmp_path: Path) -> None:
    raw = planted()
    few = [
        f"head={head}",
        "trainer.max_epochs=2",
        "trainer.eval_every=1",
        "regularisers.labels.weight=1",
    ]
    base = [
        "data=given",
        f"runs.root={tmp_path}",
        "threads=1",
        "encoder.dim=16",
        "regularisers.labels.column=first",
    ]
    for readout in ("alpha", "linear"):
        overrides = [*base, *few, f"regularisers.labels.readout={readout}"]
        composed = config.compose(overrides)
        if readout == "alpha" and head != "hybrid":
            with pytest.raises(
                InputError,
                match=rf"regularisers\.labels=labels: needs a head with segments, not {head}; "
                r"set .*readout=linear",
            ):
                config.check(composed)
            continue
        config.check(composed)
        record = json.loads(
            (pipeline.train(composed, say=lambda line: None, raw=raw).path / "run.json").read_text(
                "utf-8"
            )
        )
        assert 0 <= record["metrics"]["label/accuracy"] <= 1


def test_alpha_cut_to_its_largest_is_refused() -> None:
    overrides = ["regularisers.labels.weight=1", "head.top=3"]
    with pytest.raises(
        InputError, match=r"regularisers\.labels\.readout=alpha with head\.top=3: .*readout=linear"
    ):
        config.check(config.compose(overrides))
    config.check(config.compose([*overrides, "regularisers.labels.readout=linear"]))
    config.check(config.compose(["head.top=3"]))
