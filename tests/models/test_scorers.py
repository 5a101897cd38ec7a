"""Asking what a scorer can do computes nothing, and is answered by what it inherits."""

from typing import Any

import pytest
import torch

from gnnseg.models.heads import MLP, Dot, Head, Hybrid, Posthoc, ProtoMF, Segments
from gnnseg.models.heads.base import FactorScorer
from gnnseg.models.heads.posthoc import HardScorer
from gnnseg.rng import Rng
from gnnseg.testing import WIDTH, random_embeddings, random_graph, shape_of
from gnnseg.types import EmbeddingScorer, HistoryScorer, Policy, Scorer, Segmentation

ASKED = (Scorer, EmbeddingScorer, HistoryScorer, Segmentation, Policy)
GRAPH = random_graph()
SHAPE = shape_of(GRAPH, WIDTH)
CAN: dict[str, tuple[Head, set[type]]] = {
    "dot": (Dot(SHAPE, Rng(0)), {EmbeddingScorer}),
    "distribution": (Segments(SHAPE, Rng(0), segments=3), {EmbeddingScorer, Segmentation, Policy}),
    "membership": (
        Segments(SHAPE, Rng(0), segments=3, beta="membership"), {EmbeddingScorer, Segmentation}
    ),
    "affinity": (
        Segments(SHAPE, Rng(0), segments=3, beta="affinity"), {EmbeddingScorer, Segmentation}
    ),
    "hybrid": (Hybrid(SHAPE, Rng(0), segments=3), {EmbeddingScorer, Segmentation}),
    "posthoc": (Posthoc(SHAPE, Rng(0), segments=3), {EmbeddingScorer, Segmentation}),
    "mlp": (MLP(SHAPE, Rng(0), segments=3), {EmbeddingScorer, HistoryScorer, Segmentation}),
    "protomf": (ProtoMF(SHAPE, Rng(0), segments=3), {EmbeddingScorer, Segmentation}),
}  # fmt: skip
STORED = {
    "protomf": {"alpha", "beta"},
    "dot": {"bias"},
    "affinity": {"alpha", "beta", "inverse_norm", "bias"},
    "mlp": {"alpha", "beta"},
}


def scorer_of(kind: str) -> Scorer:
    head, embeddings = CAN[kind][0], random_embeddings(GRAPH)
    with torch.no_grad():
        if kind in ("posthoc", "mlp"):
            head.finish(embeddings, GRAPH, Rng(0))  # type: ignore[operator]
        found: Scorer = head(embeddings)
        return found


@pytest.mark.parametrize("kind", CAN)
def test_asking_computes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = scorer_of(kind)
    computed: list[str] = []
    for name in ("memberships", "alpha", "beta", "_beta", "left", "right"):
        if hasattr(type(scorer), name):

            def asked(self: Any, *given: Any, name: str = name) -> None:
                computed.append(name)

            whole = property(asked) if name in ("alpha", "beta") else asked
            monkeypatch.setattr(type(scorer), name, whole)
    found = {each for each in ASKED if isinstance(scorer, each)}
    assert found == {Scorer, *CAN[kind][1]}
    assert not isinstance(scorer, HardScorer) or kind == "posthoc"
    assert computed == []
    _ = scorer.alpha if isinstance(scorer, Segmentation) else scorer.left(None)  # type: ignore[attr-defined]
    assert computed != []


@pytest.mark.parametrize("kind", CAN)
def test_a_part_says_what_a_run_folder_keeps(kind: str) -> None:
    said = {**scorer_of(kind).stored(), **CAN[kind][0].stored()}
    assert set(said) == STORED.get(kind, {"alpha", "beta", "bias"})
    assert "alpha" not in said or said["alpha"].shape == (GRAPH.users, 3)


@pytest.mark.parametrize("kind", [*ASKED, FactorScorer])
def test_what_is_abstract_cannot_be_made(kind: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        kind()
