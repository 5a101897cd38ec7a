"""Kernels, steps and whole runs: seconds, beside other code in the same process.

usage: python experiments/speed/run.py [kernels] [step [--authors DIR]] [runs [--run NAME ...]]
                                       [--graph NAME ...] [--tiny] [--threads N]

On the GPU where there is one, else on the CPU; data: GNNSEG_DATA, runs: GNNSEG_RUNS. Results by
device in results.json, and all of them in results.md. kernels: sparse products by each kernel and
width on skewed graphs. step: a training step of LightGCN under BPR beside PyG's model in a plain
loop, and steps recorded beside steps taken one by one (GPU); --authors: a clone of the code of He
et al. (github.com/gusye1234/LightGCN-PyTorch), whose step and sampling of an epoch stand beside.
runs: from raw file to figure, by the command. --tiny: sizes of a moment, to see that it runs;
nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
SIZES = {  # users, items, pairs
    "ml-1m": (6_039, 3_628, 590_000),
    "gowalla": (29_858, 40_981, 810_000),
    "ten million": (200_000, 100_000, 10_000_000),
    "hundred million": (2_000_000, 500_000, 100_000_000),
}
LARGE = 2e7  # pairs beyond which a product is timed three times, and none by gathering
TINY = {"tiny": (300, 200, 4_000)}
WIDTHS = (32, 64, 128, 256)
RUNS = {  # label: overrides; the curve is metrics.jsonl's, its seconds from the first step
    **{
        f"gowalla, MF dot, {n} epochs": [
            "experiment=gowalla-mf", f"trainer.max_epochs={n}", f"trainer.eval_every={n}",
        ]
        for n in (6, 9, 15)
    },
    "gowalla, GF-CF": ["data=gowalla", "baseline=gfcf", "evaluation.protocol=paper"],
    "gowalla, MF dot, curve": ["experiment=gowalla-mf", "trainer.eval_every=1"],
    "gowalla, 64 segments": ["data=gowalla", "head.segments=64", "evaluation.protocol=paper"],
    "ml-1m, 64 segments": ["data=ml-1m", "head.segments=64"],
    "planted, 4 million pairs": [
        "data=planted", "data.users=80000", "data.items=20000", "data.interactions=4000000",
        "trainer.max_epochs=2",
    ],
}  # fmt: skip
TINY_RUNS = {
    "planted": ["data=planted", "data.users=80", "data.items=40", "data.interactions=800",
                "trainer.max_epochs=2"],
}  # fmt: skip


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def median_ms(work: Callable[[], Any], device: torch.device, times: int = 7) -> float:
    """Milliseconds of work: its median, CPU time of this process on a CPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    work()
    found = []
    for _ in range(times):
        wait(device)
        begun = clock()
        work()
        wait(device)
        found.append((clock() - begun) * 1e3)
    return round(statistics.median(found), 3)


def pattern_of(users: int, items: int, pairs: int, device: torch.device) -> Any:
    """A skewed graph: items by a Zipf law, users alike."""
    from gnnseg.sparse import Csr
    from gnnseg.sparse.order import unique

    g = np.random.default_rng(0)
    share = 1 / (np.arange(items) + 10.0)
    at = np.searchsorted(np.cumsum(share / share.sum()), g.random(2 * pairs)).clip(max=items - 1)
    key = unique(g.integers(0, users, 2 * pairs) * items + at)
    key = np.sort(g.permutation(key)[:pairs])
    return Csr.of(key // items, key % items, (users, items)).to(device)


def kernels(device: torch.device, sizes: dict[str, tuple[int, int, int]]) -> list[dict[str, Any]]:
    """Milliseconds of each kernel of spmm and sddmm, and of their floor, bytes over bandwidth."""
    at, there = (torch.ones(1 << 26, device=device) for _ in range(2))
    found = []
    bandwidth = 2 * at.numel() * 4 / median_ms(lambda: there.copy_(at), device)  # bytes a ms
    for name, size in sizes.items():
        p = pattern_of(*size, device)
        for width in WIDTHS if size[2] < 2e6 else (64,):
            moved = p.entries * (width * 4 + 12) + p.shape[0] * width * 4
            line = {"graph": name, "width": width, **products(p, width)}
            line["floor"] = round(moved / bandwidth, 3)
            found.append(line)
            print(line, flush=True)
    return found


def products(p: Any, width: int) -> dict[str, Any]:
    """Milliseconds of a graph's products at one width, by each kernel."""
    import scipy.sparse as sp

    from gnnseg.sparse import Fixed, mixed_precision, spmm
    from gnnseg.sparse.kernels import KERNELS

    device, found = p.column.device, dict[str, Any]()
    value = torch.rand(p.entries, device=device)
    left, right = (torch.randn(n, width, device=device) for n in p.shape)
    times = 3 if p.entries > LARGE else 7
    for product, given in {"spmm": value, "sddmm": left}.items():
        for name, kernel in KERNELS[product].items():
            if name != "gather" or p.entries <= LARGE:
                found[f"{product} {name}"] = median_ms(
                    lambda kernel=kernel, given=given: kernel(p, given, right), device, times
                )
    coo = torch.sparse_coo_tensor(
        torch.stack([p.row, p.column]), value, p.shape, check_invariants=False
    ).coalesce()
    found["COO"] = median_ms(lambda: coo @ right, device, times)
    fixed = Fixed.of(p, value)
    with mixed_precision("bf16"):
        found["spmm in bf16"] = median_ms(lambda: fixed @ right, device, times)
    x = right.clone().requires_grad_()
    found["spmm and its gradient"] = median_ms(
        lambda: torch.autograd.grad(spmm(p, value, x).sum(), x), device, times
    )
    if device.type == "cpu":
        matrix = sp.csr_matrix((value.numpy(), p.column.numpy(), p.start.numpy()), shape=p.shape)
        rows = right.numpy()
        found["scipy"] = median_ms(lambda: matrix @ rows, device, times)
    return found


def steps(
    device: torch.device, sizes: dict[str, tuple[int, int, int]], authors: Path | None
) -> list[dict[str, Any]]:
    """Milliseconds of a step, LightGCN, three layers, width 64, BPR, batch 2048: ours and others'.

    ``authors``: where their code is. Of an epoch: its steps, and what drawing its triples takes,
    which our steps hold already.
    """
    from gnnseg.training.steps import cuda_graph

    found = []
    for name, size in sizes.items():
        if size[2] > 2e6:
            continue
        p = pattern_of(*size, device)
        line: dict[str, Any] = {"graph": name}
        line["ours"] = median_ms(our_step(p, None), device)
        line["ours, bf16"] = median_ms(our_step(p, None, "bf16"), device)
        if device.type == "cuda":
            line["ours, recorded"] = median_ms(our_step(p, cuda_graph), device)
        line["PyG"] = median_ms(pyg_step(p), device)
        ours = line.get("ours, recorded", line["ours"])
        line["PyG / ours"] = round(line["PyG"] / ours, 2)
        if authors is not None:
            their_step, their_sampling = authors_of(authors, p)
            line["authors"] = median_ms(their_step, device)
            line["authors, sampling an epoch"] = median_ms(their_sampling, device, 3)
            batches = -(-p.entries // 2048)
            epoch = batches * line["authors"] + line["authors, sampling an epoch"]
            line["authors / ours, step"] = round(line["authors"] / ours, 2)
            line["authors / ours, epoch"] = round(epoch / (batches * ours), 2)
        found.append(line)
        print(line, flush=True)
    return found


def our_step(pattern: Any, record: Any, precision: str = "float32") -> Callable[[], Any]:
    from gnnseg.config import build, compose
    from gnnseg.graph import BipartiteGraph
    from gnnseg.rng import Rng
    from gnnseg.runs.assembly import assemble
    from gnnseg.testing.drawn import shape_of
    from gnnseg.training.batching import Batches, Training
    from gnnseg.training.events import TrainingEvents
    from gnnseg.training.steps import Steps
    from gnnseg.types import Features

    device = pattern.column.device
    config = compose([
        "data=planted", "encoder.layers=3", "encoder.dim=64", "encoder.init=normal", "head=dot",
        "head.similarity=dot", "objective=bpr", "trainer.batch_size=2048",
    ])  # fmt: skip
    graph = BipartiteGraph(pattern)
    model = assemble(config, shape_of(graph), Rng(0)).to(device)
    model.compacts = device.type == "cpu"
    weight = torch.full((pattern.entries,), 1 / pattern.entries, device=device)
    data = Training(graph, Features(), TrainingEvents(pattern.row, pattern.column, weight))
    batches = Batches(data, build(config["trainer"]), model.objective)
    optimizer = build(config["optimizer"], model.parameters())
    take = Steps(
        model, optimizer, data, batches, Rng(0), precision=precision, record=record, say=print
    )
    order, number = batches.order(Rng(0)), iter(range(10**9))

    def step() -> None:
        at = next(number)
        take(batches.rows(at % (batches.per_epoch - 1), order), at)

    for _ in range(5):
        step()
    return step


def pyg_step(pattern: Any) -> Callable[[], Any]:
    """PyG's LightGCN as its example trains it, its negatives uniform."""
    from torch_geometric.nn import LightGCN

    users, items = pattern.shape
    device = pattern.column.device
    edges = torch.stack([pattern.row, pattern.column + users])
    both = torch.cat([edges, edges.flip(0)], 1)
    model = LightGCN(users + items, 64, 3).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = torch.randperm(pattern.entries, device=device)

    def step() -> None:
        rows = order[torch.randint(len(order), (2048,), device=device)]
        negative = torch.randint(users, users + items, (2048,), device=device)
        optimizer.zero_grad()
        some = torch.cat([edges[:, rows], torch.stack([edges[0, rows], negative])], 1)
        positive, other = model(both, some).chunk(2)
        model.recommendation_loss(positive, other, node_id=some.unique()).backward()
        optimizer.step()

    return step


def authors_of(clone: Path, pattern: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A step of the authors' LightGCN, and their drawing of an epoch's triples, both by their code.

    Their loader is replaced by what it would hold: the normalised graph and each user's items.
    """
    users, items = pattern.shape
    words, sys.argv = sys.argv, ["main.py", "--bpr_batch=2048", "--recdim=64", "--layer=3"]
    sys.path.insert(0, str(clone / "code"))
    import model as theirs  # type: ignore[import-not-found]
    import utils
    import world  # type: ignore[import-not-found]

    sys.argv = words
    edges = torch.stack([pattern.row, pattern.column + users])
    both = torch.cat([edges, edges.flip(0)], 1)
    degree = torch.bincount(both[0], minlength=users + items).clamp(min=1).double()
    value = (degree[both[0]] * degree[both[1]]).rsqrt().float()
    graph = torch.sparse_coo_tensor(both, value, (users + items, users + items)).coalesce()

    class Data:
        n_users, m_items, trainDataSize = users, items, pattern.entries
        allPos = np.split(pattern.column.cpu().numpy(), pattern.start[1:-1].cpu().numpy())

        def getSparseGraph(self) -> torch.Tensor:
            return graph.to(world.device)

    data = Data()
    loss = utils.BPRLoss(theirs.LightGCN(world.config, data).to(world.device), world.config)
    rows = torch.randint(pattern.entries, (2048,), device=pattern.column.device)
    negative = torch.randint(items, (2048,), device=rows.device)

    def step() -> None:
        loss.stageOne(pattern.row[rows], pattern.column[rows], negative)

    return step, lambda: utils.UniformSample_original(data)


def runs(device: torch.device, asked: dict[str, list[str]], threads: int) -> list[dict[str, Any]]:
    """Seconds of whole commands, by phase, and the curve of validation over time."""
    found = []
    for name, words in asked.items():
        with tempfile.TemporaryDirectory() as folder:
            root = os.environ.get("GNNSEG_RUNS", folder)
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "gnnseg", "train", *words, f"runs.root={root}",
                 f"device={device.type}", f"threads={threads}", "--fresh"],
                check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            total = time.perf_counter() - begun
            path = max(Path(root).glob("*/run.json"), key=lambda one: one.stat().st_mtime)
            record = json.loads(path.read_text("utf-8"))
            lines = [json.loads(one) for one in (path.parent / "metrics.jsonl").open()]
        monitor = record["best"]["metric"]
        curve = [[one["seconds"], one.get("test/recall@20", one[monitor])] for one in lines]
        metrics = {key: record["metrics"].get(f"test/{key}") for key in ("recall@20", "ndcg@20")}
        found.append({
            "run": name, "overrides": words, "seconds": record["seconds"],
            "command": round(total, 1),
            "memory_mb": record["memory_mb"], "monitor": monitor, "curve": curve, **metrics,
        })  # fmt: skip
        print(found[-1], flush=True)
    return found


def name_of(device: torch.device, threads: int) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()}, {threads} threads"


def table(lines: list[dict[str, Any]]) -> str:
    """Lines of figures as a Markdown table."""
    keys = list(dict.fromkeys(key for line in lines for key in line))
    rows = [" | ".join(f"{line.get(key, '')}" for key in keys) for line in lines]
    return "\n".join(
        [f"| {' | '.join(keys)} |", "|---" * len(keys) + "|", *(f"| {r} |" for r in rows)]
    )


def written(results: dict[str, Any]) -> str:
    """All results as a page of Markdown."""
    parts = ["Milliseconds; on a CPU, CPU time of one process. `python experiments/speed/run.py`."]
    for device, found in results.items():
        parts.append(f"## {device}\n\ntorch {found['torch']}")
        parts += [
            f"### {part}\n\n{table(found[part])}" for part in ("kernels", "step") if part in found
        ]
        if "runs" in found:
            lines = [
                {
                    "run": one["run"], "command, s": one["command"],
                    **{f"{phase}, s": s for phase, s in one["seconds"].items()},
                    "recall@20": one["recall@20"], "ndcg@20": one["ndcg@20"],
                }
                for one in found["runs"]
            ]  # fmt: skip
            parts.append(f"### runs\n\n{table(lines)}")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=["kernels", "step", "runs"])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--graph", action="append", help="of the graphs these alone; repeatable")
    parser.add_argument("--authors", type=Path, help="a clone of the authors' LightGCN")
    parser.add_argument("--run", action="append", help="of the runs these alone; repeatable")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sizes = TINY if asked.tiny else SIZES
    if asked.graph is not None:
        sizes = {name: size for name, size in sizes.items() if name in asked.graph}
    found: dict[str, Any] = {"torch": str(torch.__version__)}
    if "kernels" in asked.parts:
        found["kernels"] = kernels(device, sizes)
    if "step" in asked.parts:
        found["step"] = steps(device, sizes, asked.authors)
    if "runs" in asked.parts:
        chosen = {n: words for n, words in RUNS.items() if asked.run is None or n in asked.run}
        found["runs"] = runs(device, TINY_RUNS if asked.tiny else chosen, asked.threads)
    if asked.tiny:
        print(written({name_of(device, asked.threads): found}))
        return
    path = HERE / "results.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    before = results.get(name_of(device, asked.threads), {})
    for part, key in (("kernels", "graph"), ("step", "graph"), ("runs", "run")):
        if part in found:  # what was not asked for stays as it was measured
            new = {line[key] for line in found[part]}
            kept = [line for line in before.get(part, []) if line[key] not in new]
            found[part] = kept + found[part]
    results[name_of(device, asked.threads)] = before | found
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (HERE / "results.md").write_text(written(results), "utf-8")


if __name__ == "__main__":
    main()
