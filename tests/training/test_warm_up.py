"""Segments that wait for trained embeddings: when they start, what ranks until then, going on."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gnnseg.models.encoders import MF
from gnnseg.models.heads import Dot, Segments
from gnnseg.models.heads.segments import Beta
from gnnseg.models.model import Model
from gnnseg.models.objectives import SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.events import TrainingEvents
from gnnseg.training.loop import Interrupted, fit
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Features, InputError, Scorer, Segmentation

GRAPH = random_graph(edges=150)


def make(warmup: float, **options: object) -> Segments:
    return Segments(
        shape_of(GRAPH, 4), Rng(0), segments=3, beta="affinity", warmup=warmup,
        **{"start": "k-means", **options},  # type: ignore[arg-type]
    )  # fmt: skip


def train(
    head: Segments | Dot,
    path: Path | None = None,
    stop_at: int | None = None,
    epochs: int = 4,
    patience: int | None = None,
) -> tuple[Model, list[dict[str, Tensor]], bool]:
    """Train, and stop after a step; the model, its encoder at each validation, whether it ended."""
    encoder = MF(shape_of(GRAPH), Rng(0), dim=4, init="normal", scale=0.1)
    model = Model(encoder, head, SampledSoftmax(negatives=8), {})
    settings = TrainerSettings(
        max_epochs=epochs, batch_size=32, eval_every=1, patience=patience, monitor="x",
        schedule="constant", clip=None,
    )  # fmt: skip
    pattern = GRAPH.pattern
    events = TrainingEvents(pattern.row, pattern.column, torch.full((150,), 1 / 150))
    optimizer, checkpoint = torch.optim.Adam(model.parameters(), lr=0.05), Checkpoint(path)
    state, seen, ended = State(), [], True
    if checkpoint.exists():
        state, _ = checkpoint.load(model, optimizer, torch.device("cpu"))
    else:
        model.reset(GRAPH, Features(), Rng(0))

    def evaluate(scorer: Scorer) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in encoder.state_dict().items()})
        if isinstance(head, Segments):
            assert_through_segments(scorer)
        return {"x": 1.0}

    try:
        fit(
            model, optimizer, Training(GRAPH, Features(), events), settings, Rng(0), state,
            checkpoint, evaluate=evaluate,
            stop=lambda: stop_at is not None and state.step >= stop_at,
        )  # fmt: skip
    except Interrupted:
        ended = False
    return model, seen, ended


def assert_through_segments(scorer: Scorer) -> None:
    """The scores are those of alpha and the tastes, not the users' own; so of every validation."""
    assert isinstance(scorer, Segmentation)
    users, items = torch.arange(5), torch.arange(5)
    parts = scorer.explain(users, items)
    assert parts.segments is not None
    assert parts.bias is not None
    whole = parts.segments.sum(-1) + parts.bias
    torch.testing.assert_close(whole, scorer.pairs(users, items))


def test_until_it_is_over_the_encoder_is_trained_as_under_dot() -> None:
    _, warm, _ = train(make(0.5))
    _, dot, _ = train(Dot(shape_of(GRAPH, 4), Rng(0), tau=0.12))
    for epoch, alike in enumerate([True, True, False, False]):
        same = all(torch.allclose(warm[epoch][name], dot[epoch][name]) for name in dot[epoch])
        assert same == alike, epoch


@pytest.mark.parametrize(("warmup", "epochs"), [(0.99, 4), (0.5, 1)])
def test_segments_start_before_the_last_epoch_at_the_latest(warmup: float, epochs: int) -> None:
    model, _, _ = train(make(warmup), epochs=epochs)
    assert isinstance(model.head, Segments)
    assert bool(model.head.started)


def test_it_starts_once_from_trained_embeddings() -> None:
    head, started = make(0.5), []
    restart = head.restart
    head.restart = lambda *given: (started.append(1), restart(*given))[1]  # type: ignore[assignment, func-returns-value]
    first = head.user_KD.detach().clone()
    train(head)
    assert len(started) == 1
    assert bool(head.started)
    assert not torch.equal(first, head.user_KD)


@pytest.mark.parametrize("stop_at", [3, 9, 10, 11, 17])
def test_interrupted_and_gone_on_equals_uninterrupted(tmp_path: Path, stop_at: int) -> None:
    """Five steps an epoch, segments from step 10 on."""
    whole, _, _ = train(make(0.5))
    assert not train(make(0.5), tmp_path / "state.pt", stop_at)[2]
    rest, _, ended = train(make(0.5), tmp_path / "state.pt")
    assert ended
    for name, value in whole.state_dict().items():
        assert torch.equal(rest.state_dict()[name], value), name


def test_a_warm_up_is_never_the_best_nor_wears_patience_out(tmp_path: Path) -> None:
    """Of equal values the first after it counts: epoch 6 of 8, five of which it takes."""
    model, seen, _ = train(make(0.6), tmp_path / "state.pt", epochs=8, patience=2)
    assert isinstance(model.head, Segments)
    assert not model.head.waiting
    checkpoint = Checkpoint(tmp_path / "state.pt")
    state, _ = checkpoint.load(
        model, torch.optim.Adam(model.parameters(), lr=0.05), torch.device("cpu")
    )
    assert state.best_epoch == 6
    assert len(seen) == 8
    assert checkpoint.best is not None
    assert bool(checkpoint.best["head.started"])


def test_known_centres_leave_no_warm_up() -> None:
    head = make(0.5)
    centres = torch.eye(3, 4)
    head.start_at(centres)
    assert not head.due(1.0)
    torch.testing.assert_close(head.user_KD.detach(), centres)


def test_without_one_nothing_is_stored_of_it() -> None:
    assert "started" not in make(0.0).state_dict()
    assert not make(0.0).due(1.0)


@pytest.mark.parametrize(
    ("beta", "warmup", "said"),
    [
        ("affinity", 1.0, "at least 0 and below 1"),
        ("affinity", -0.1, "at least 0 and below 1"),
        ("distribution", 0.5, "set head.beta=affinity, or head.warmup=0"),
    ],
)
def test_what_cannot_be_is_refused(beta: Beta, warmup: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Segments(shape_of(GRAPH, 4), Rng(0), segments=3, beta=beta, warmup=warmup)
