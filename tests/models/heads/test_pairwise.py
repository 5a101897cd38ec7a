"""NeuMF and the perceptron against loops, one number at a time; bounded parts; gradients whatever
the parts."""

import pytest
import torch
from torch.nn import functional as F

from gnnseg.models.heads import MLP, Head, NeuMF
from gnnseg.models.heads import tower as module
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, EmbeddingScorer, InputError, Segmentation, Shape

U, I, D = 9, 7, 6
SHAPE = Shape(U, I, torch.ones(I), width=D)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
CASES = [
    ("mlp", {"layers": [5]}),
    ("mlp", {"layers": [8, 5, 3]}),
    ("neumf", {"gmf": None, "layers": [4]}),
    ("neumf", {"gmf": 2, "layers": [8, 5, 3]}),
    ("neumf", {"gmf": 5, "layers": [3, 9]}),
]


def make(kind: str, options: dict[str, object]) -> Head:
    head: Head = (
        MLP(SHAPE, Rng(0), segments=None, tau_alpha=0.1, **options)  # type: ignore[arg-type]
        if kind == "mlp"
        else NeuMF(SHAPE, Rng(0), **options)  # type: ignore[arg-type]
    )
    g = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in head.parameters():  # biases and h too, which start at 0 and 1
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=g))
    return head


def embeddings() -> Embeddings:
    g = torch.Generator().manual_seed(0)
    user, item = torch.randn(U, D, generator=g), torch.randn(I, D, generator=g)
    return Embeddings(user, item, user, item)


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def oracle(head: Head, p: list[float], q: list[float]) -> tuple[float, list[float]]:
    """The logit and the last hidden layer of one user and one item, by He et al.'s equations in
    Python's own floats."""
    state = {name: value.double().tolist() for name, value in head.state_dict().items()}
    h = state.get("mix", [])
    g = len(h)
    product = [a * b for a, b in zip(p[:g], q[:g], strict=True)]
    z = p[g:] + q[g:]
    names = [
        "first",
        *sorted({f"rest.{name.split('.')[2]}" for name in state if name.startswith("tower.rest.")}),
    ]
    for name in names:
        weight, bias = state[f"tower.{name}.weight"], state[f"tower.{name}.bias"]
        z = [max(0.0, dot(row, z) + b) for row, b in zip(weight, bias, strict=True)]
    return dot(h + state["tower.out.weight"][0], product + z) + state["tower.out.bias"][0], z


def every(head: Head, e: Embeddings) -> tuple[torch.Tensor, torch.Tensor]:
    user, item = e.user_UD.double().tolist(), e.item_ID.double().tolist()
    found = [[oracle(head, p, q) for q in item] for p in user]
    return torch.tensor([[f[0] for f in row] for row in found]), torch.tensor(
        [[f[1] for f in row] for row in found]
    )


@pytest.mark.parametrize("part_bytes", [1, 300, 64 << 20])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_scores_equal_a_loop(
    kind: str, options: dict[str, object], part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", part_bytes)
    head, e = make(kind, options), embeddings()
    scorer = head(e)
    logit, hidden = every(head, e)
    everyone = torch.arange(U)
    with torch.no_grad():
        torch.testing.assert_close(scorer.block(everyone), logit, **CLOSE)
    torch.testing.assert_close(scorer.block(everyone), logit, **CLOSE)
    some, users = torch.tensor([3, 0, 5, 3]), torch.tensor([2, 8])
    torch.testing.assert_close(scorer.block(users, some), logit[users][:, some], **CLOSE)
    torch.testing.assert_close(
        scorer.pairs(everyone[:I], torch.arange(I)), logit[:I].diagonal(), **CLOSE
    )
    own = torch.tensor([[1, 2], [6, 0], [4, 4]])
    for rows, items in [
        (torch.tensor([0, 3, 8]), own),
        (everyone, torch.arange(I).expand(U, I)),
    ]:  # few; many
        torch.testing.assert_close(scorer.pairs(rows, items), logit[rows[:, None], items], **CLOSE)
        torch.testing.assert_close(
            scorer.hidden(rows, items), hidden[rows[:, None], items], **CLOSE
        )
        torch.testing.assert_close(
            scorer.hidden(rows, items[:, 0]), hidden[rows, items[:, 0]], **CLOSE
        )
    pattern = Csr.of([0, 0, 5, 8], [1, 6, 3, 0], (U, I))
    torch.testing.assert_close(scorer.edges(pattern), logit[pattern.row, pattern.column], **CLOSE)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_other_users_before_the_same_items(kind: str, options: dict[str, object]) -> None:
    head, e = make(kind, options), embeddings()
    scorer = head(e)
    assert isinstance(scorer, EmbeddingScorer)
    assert not isinstance(scorer, Segmentation)
    other = torch.randn(3, D, generator=torch.Generator().manual_seed(9))
    expected = every(head, Embeddings(other, e.item_ID, other, e.item_ID))[0]
    torch.testing.assert_close(scorer.with_users(other).block(torch.arange(3)), expected, **CLOSE)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_gradients_do_not_depend_on_the_parts(
    kind: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, found = make(kind, options), []
    weight = torch.randn(U, I, generator=torch.Generator().manual_seed(1))
    for part_bytes in (64 << 20, 1):
        monkeypatch.setattr(module, "PART_BYTES", part_bytes)
        start = embeddings()
        user, item = start.user_UD.clone().requires_grad_(), start.item_ID.clone().requires_grad_()
        scorer = head(Embeddings(user, item, user, item))
        whole = (scorer.block(torch.arange(U)) * weight).sum()
        loss = whole + scorer.pairs(torch.arange(U), torch.arange(I).expand(U, I)).square().sum()
        found.append(torch.autograd.grad(loss, [user, item, *head.parameters()]))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_gradients_equal_differences() -> None:
    """d logit / d embedding of one pair against the oracle's finite differences."""
    head, e = make(*CASES[3]), embeddings()
    user = e.user_UD.clone().requires_grad_()
    head(Embeddings(user, e.item_ID, user, e.item_ID)).pairs(
        torch.tensor([4]), torch.tensor([2])
    ).sum().backward()
    assert user.grad is not None
    p, q, step = e.user_UD[4].double().tolist(), e.item_ID[2].double().tolist(), 1e-6
    for d in range(D):
        up, down = (
            [x + (sign * step if i == d else 0) for i, x in enumerate(p)] for sign in (1, -1)
        )
        slope = (oracle(head, up, q)[0] - oracle(head, down, q)[0]) / (2 * step)
        assert float(user.grad[4, d]) == pytest.approx(slope, abs=1e-4)
    assert not bool(user.grad[:4].any())


def test_neumf_starts_as_factorisation_beside_the_tower() -> None:
    e = embeddings()
    head = NeuMF(SHAPE, Rng(0), gmf=4, layers=[3])
    with torch.no_grad():
        head.tower.out.weight.zero_()
    torch.testing.assert_close(
        head(e).block(torch.arange(U)), e.user_UD[:, :4] @ e.item_ID[:, :4].T
    )


def test_a_tower_is_no_product() -> None:
    """One hidden unit makes a function of user and item that is not of rank 1: no factor model in
    disguise."""
    head = make("mlp", {"layers": [8]})
    scores = head(embeddings()).block(torch.arange(U)).detach().double()
    assert int(torch.linalg.matrix_rank(scores, rtol=1e-4)) > 2


def test_nobody_and_nothing() -> None:
    scorer = make(*CASES[3])(embeddings())
    none = torch.zeros(0, dtype=torch.long)
    assert scorer.pairs(none, none).shape == (0,)
    assert scorer.hidden(none, none).shape == (0, 3)
    assert scorer.block(torch.arange(2), none).shape == (2, 0)
    assert scorer.block(none).shape == (0, I)
    assert scorer.edges(Csr.of([], [], (U, I))).shape == (0,)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No intermediate of a catalogue's scores holds more than PART_BYTES, with a gradient or
    without."""
    monkeypatch.setattr(module, "PART_BYTES", 4 * 8 * 20)
    head, e = make("mlp", {"layers": [8, 5]}), embeddings()
    largest, relu_ = [], torch.Tensor.relu_

    def spy(x: torch.Tensor) -> torch.Tensor:
        largest.append(x.numel() * 4)
        return relu_(x)

    monkeypatch.setattr(torch.Tensor, "relu_", spy)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            head(e).block(torch.arange(U))
            head(e).pairs(torch.arange(U), torch.arange(I).expand(U, I))
    assert max(largest) <= module.PART_BYTES


def test_what_cannot_be_is_refused() -> None:
    for layers in ([], [4, 0]):
        with pytest.raises(InputError, match=r"head\.layers"):
            MLP(SHAPE, Rng(0), layers=layers, segments=None, tau_alpha=0.1)
    with pytest.raises(InputError, match=r"head\.segments is 0"):
        MLP(SHAPE, Rng(0), layers=[4], segments=0, tau_alpha=0.1)
    with pytest.raises(InputError, match=r"head\.tau_alpha"):
        MLP(SHAPE, Rng(0), layers=[4], segments=2, tau_alpha=0.0)
    for gmf in (0, D, -1):
        with pytest.raises(InputError, match=r"head\.gmf"):
            NeuMF(SHAPE, Rng(0), gmf=gmf, layers=[4])
    with pytest.raises(InputError, match=r"head\.gmf=null"):
        NeuMF(Shape(U, I, torch.ones(I), width=1), Rng(0), gmf=None, layers=[4])


def test_first_values_are_a_function_of_the_seed() -> None:
    a, b, c = (NeuMF(SHAPE, Rng(seed), gmf=None, layers=[4, 3]).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["tower.first.weight"], c["tower.first.weight"])
    assert F.mse_loss(a["mix"], torch.ones(D // 2)) == 0
