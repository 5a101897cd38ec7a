"""CPU and GPU agree: the same draws, losses within 1e-4, ndcg within .002. Skipped where there is
no CUDA."""

import json
from pathlib import Path

import pytest
import torch

from gnnseg import config
from gnnseg.models import logsumexp
from gnnseg.rng import Rng
from gnnseg.runs import train as pipeline
from gnnseg.sparse import Csr, kernels, sddmm, spmm
from gnnseg.training import loop

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA here"),
]
SMALL = [
    "data=planted",
    "data.users=400",
    "data.items=200",
    "data.interactions=8000",
    "data.segments=4",
    "encoder.dim=16",
]
RUNS = {
    "likelihood": ["head.segments=4", "trainer.max_epochs=30"],
    "affinity": ["head.segments=4", "head.beta=affinity", "trainer.max_epochs=3"],
    "hybrid": ["head=hybrid", "head.segments=4", "trainer.max_epochs=3"],
    "sage sampled, margin, simgcl": [
        "encoder=sage",
        "encoder.dim=16",
        "encoder.neighbours=[4,3]",
        "head=dot",
        "objective=margin",
        "regularisers.simgcl.weight=0.1",
        "trainer.max_epochs=3",
        "trainer.eval_every=1",
    ],
    "pinsage, bsl": [
        "encoder=pinsage",
        "encoder.dim=16",
        "head=dot",
        "objective=bsl",
        "trainer.max_epochs=3",
    ],
    "rgcn": [
        "data.relation_signal=1",
        "encoder=rgcn",
        "encoder.dim=16",
        "head.segments=4",
        "trainer.max_epochs=20",
    ],
    "pyg": ["encoder=pyg", "encoder.dim=16", "head=dot", "trainer.max_epochs=3"],
    "policy": [
        "data.log_events=5000",
        "experiment=policy",
        "head.segments=4",
        "trainer.max_epochs=20",
    ],
    "dropout and bpr": [
        "encoder.dropout=0.2",
        "head=dot",
        "objective=bpr",
        "trainer.max_epochs=3",
        "trainer.eval_every=1",
    ],
}


def run(root: Path, device: str, overrides: list[str]) -> tuple[list[float], float]:
    composed = config.compose(
        [f"runs.root={root / device}", f"device={device}", *SMALL, *overrides]
    )
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None).path
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]
    record = json.loads((path / "run.json").read_text("utf-8"))
    assert record["device"]["name"].startswith(device)
    return [line["train/loss"] for line in lines], record["metrics"]["test/ndcg@20"]


@pytest.mark.parametrize("name", list(RUNS))
def test_cpu_and_gpu_agree(name: str, tmp_path: Path) -> None:
    cpu, gpu = run(tmp_path, "cpu", RUNS[name]), run(tmp_path, "cuda", RUNS[name])
    assert gpu[0] == pytest.approx(cpu[0], rel=1e-4)
    assert gpu[1] == pytest.approx(cpu[1], abs=0.002)


def test_draws_are_the_same_bits_on_each_device() -> None:
    for draw in (
        lambda stream: stream.bits((1000,)),
        lambda stream: stream.integers(41_001, (1000,)),
        lambda stream: stream.uniform((1000,)),
        lambda stream: stream.uniform((1000,), torch.float64),
        lambda stream: stream.permutation(1000),
    ):
        cpu, gpu = (draw(Rng(3).at(7).stream("x", device)) for device in ("cpu", "cuda"))
        assert torch.equal(cpu, gpu.cpu())


def test_products_agree() -> None:
    g = torch.Generator().manual_seed(0)
    key = torch.randperm(500 * 300, generator=g)[:5000]
    p = Csr.of(key // 300, key % 300, (500, 300))
    value = torch.randn(p.entries, generator=g)
    left, right = torch.randn(500, 24, generator=g), torch.randn(300, 24, generator=g)
    there = p.to("cuda"), value.cuda(), left.cuda(), right.cuda()
    torch.testing.assert_close(spmm(there[0], there[1], there[3]).cpu(), spmm(p, value, right))
    torch.testing.assert_close(sddmm(there[0], *there[2:]).cpu(), sddmm(p, left, right))


TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 1e-2}


@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_kernels_of_which_the_fastest_is_taken_agree(dtype: torch.dtype) -> None:
    g = torch.Generator().manual_seed(0)
    key = torch.randperm(8 * 9000, generator=g)[:50_000]  # rows of some six thousand entries
    p = Csr.of(key // 9000, key % 9000, (8, 9000)).to("cuda")
    value = torch.rand(p.entries, generator=g).to("cuda", dtype)
    left, right = (torch.rand(n, 24, generator=g).to("cuda", dtype) for n in (8, 9000))
    for product, given in {"spmm": value, "sddmm": left}.items():
        names = kernels.there(product, "cuda", dtype)
        assert "gather" in names  # and with float32 others beside it
        assert len(names) > 1 or dtype != torch.float32
        exact = kernels.KERNELS[product]["gather"](p, given.double(), right.double())
        for name in names:
            found = kernels.KERNELS[product][name](p, given, right).double()
            torch.testing.assert_close(found, exact, rtol=TOLERANCES[dtype], atol=0)


def test_quality_in_bf16_is_that_of_float32(tmp_path: Path) -> None:
    whole, low = (
        run(tmp_path / one, "cuda", [*RUNS["dropout and bpr"], f"trainer.precision={one}"])
        for one in ("float32", "bf16")
    )
    assert low[0] == pytest.approx(whole[0], rel=1e-3)
    assert low[1] == pytest.approx(whole[1], abs=0.005)


def test_the_normaliser_agrees() -> None:
    g = torch.Generator().manual_seed(0)
    left, right, offset = (torch.randn(*n, generator=g) for n in ((700, 16), (90, 16), (90,)))
    items, others = (torch.randint(100, (n,), generator=g) for n in (700, 90))
    given = left, right, offset, items, others
    found = logsumexp.shared_logsumexp(*(one.cuda() for one in given)).cpu()
    torch.testing.assert_close(found, logsumexp.shared_logsumexp(*given))


@pytest.mark.parametrize("name", ["likelihood", "affinity", "hybrid", "dropout and bpr"])
def test_recorded_steps_are_those_taken_one_by_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    graph = loop.cuda_graph
    monkeypatch.setattr(
        loop, "cuda_graph", lambda body: recorded.append(graph(body)) or recorded[-1]
    )
    mine = run(tmp_path / "recorded", "cuda", RUNS[name])
    assert recorded  # and no line said that it could not be
    monkeypatch.setattr(loop, "cuda_graph", None)
    theirs = run(tmp_path / "one by one", "cuda", RUNS[name])
    assert mine[0] == pytest.approx(theirs[0], rel=1e-4)
    assert mine[1] == pytest.approx(theirs[1], abs=0.002)
