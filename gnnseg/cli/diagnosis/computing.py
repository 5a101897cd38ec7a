"""What computes: kernels, the device, and whether it repeats itself bit for bit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gnnseg.cli.diagnosis.finding import Finding, last_line

if TYPE_CHECKING:
    from torch import Tensor

    from gnnseg.sparse import Csr

TOLERANCE = 1e-5  # of sums of a few numbers of size 1
NAMES = {"bag": "bags of embeddings", "CSR": "torch's CSR product", "gather": "gathering"}
PRODUCTS = ("spmm", "sddmm")


def kernels() -> Iterator[Finding]:
    """Compare the code that multiplies sparse matrices with dense products."""
    import torch

    from gnnseg.sparse import kernels

    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        kernel = {product: kernels.there(product, device, torch.float32) for product in PRODUCTS}
        used = ", ".join(f"{product} by {_named(names)}" for product, names in kernel.items())
        found = gaps(device)
        for product, names in kernel.items():
            found |= each_gap(product, names, device) if len(names) > 1 else {}
        if wrong := [name for name, gap in found.items() if not gap <= TOLERANCE]:
            said = f"{device}: {used}; {', '.join(wrong)} differ from a dense computation"
            yield Finding(
                "kernels", False, said, "install another build of torch, or set device=cpu.", True
            )
        elif ("gather",) not in kernel.values():
            yield Finding(
                "kernels", True, f"{device}: {used}; as a dense computation has it", essential=True
            )
        else:
            advice = "slower, and right; torch's wheels from PyPI bring the kernels."
            yield Finding(
                "kernels", None, f"{device}: {used}; as a dense computation has it", advice, True
            )


def _named(kernels: Sequence[str]) -> str:
    """Say by what a product is computed, of kernels whose fastest is taken."""
    said = list(dict.fromkeys(NAMES[name.partition(",")[0]] for name in kernels))
    return said[0] if len(said) == 1 else f"the fastest of {', '.join(said)}"


def each_gap(product: str, names: Sequence[str], device: str) -> dict[str, float]:
    """Return how far each kernel of a product is from a dense computation, at most."""
    from gnnseg.sparse import kernels

    pattern, value, left, right = _small(device)
    given = {"spmm": value, "sddmm": left}[product]
    wanted, of = _dense(pattern, value, left, right)[product], kernels.KERNELS[product]
    return {
        f"{product} by {name}": float((of[name](pattern, given, right) - wanted).abs().max())
        for name in names
    }


def gaps(device: str) -> dict[str, float]:
    """Return how far spmm, sddmm and their gradients are from dense products, at most."""
    import torch

    from gnnseg import sparse

    pattern, value, left, right = _small(device)
    for each in (value, left, right):
        each.requires_grad_()
    dense = _dense(pattern, value, left, right)
    pairs = {
        "spmm": (sparse.spmm(pattern, value, right), dense["spmm"], (value, right)),
        "sddmm": (sparse.sddmm(pattern, left, right), dense["sddmm"], (left, right)),
    }
    gaps = {}
    for name, (ours, wanted, inputs) in pairs.items():
        gaps[name] = float((ours - wanted).detach().abs().max())
        both = [torch.autograd.grad(result.square().sum(), inputs) for result in (ours, wanted)]
        gaps[f"{name}'s gradient"] = max(
            float((a - b).abs().max()) for a, b in zip(*both, strict=True)
        )
    return gaps


def _small(device: str) -> tuple[Csr, Tensor, Tensor, Tensor]:
    """Return a 4 x 5 matrix with an empty row, its values, and what it is multiplied with."""
    import torch

    from gnnseg.sparse import Csr

    draw = torch.Generator().manual_seed(0)
    pattern = Csr.of([0, 0, 1, 3, 3, 3], [1, 4, 0, 0, 2, 3], (4, 5)).to(device)
    value, left, right = (torch.randn(s, generator=draw).to(device) for s in ((6,), (4, 3), (5, 3)))
    return pattern, value, left, right


def _dense(pattern: Csr, value: Tensor, left: Tensor, right: Tensor) -> dict[str, Tensor]:
    """Return each product, computed by dense matrices."""
    import torch

    at = (pattern.row, pattern.column)
    matrix = torch.zeros(pattern.shape, device=value.device).index_put(at, value)
    return {"spmm": matrix @ right, "sddmm": (left @ right.T)[at]}


def device() -> Iterator[Finding]:
    """Say what runs compute on, and why."""
    import torch

    from gnnseg.runs import environment

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = f"torch {torch.__version__}; {torch.get_num_threads()} of {cores} cores in use"
    yield Finding("device", True, said, essential=True)
    device, why = environment.choose_device("auto")
    if device.type == "cuda":
        free, total = (size / 2**30 for size in torch.cuda.mem_get_info())
        yield Finding(
            "device", True, f"CUDA {torch.version.cuda}: {why}, {free:.1f} of {total:.1f} GiB free"
        )
    elif torch.version.cuda:
        advice = (
            "if there is one: does nvidia-smi list it, and is its driver new enough for this torch?"
        )
        yield Finding(
            "device",
            None,
            f"runs on the CPU: {why} (torch is built for CUDA {torch.version.cuda})",
            advice,
        )
    else:
        advice = "with an NVIDIA card: install torch's CUDA build, see pytorch.org/get-started."
        yield Finding("device", None, f"runs on the CPU: {why}", advice)


def deterministic() -> Iterator[Finding]:
    """Run a training step's kernels twice in deterministic mode on the CPU, to the same bits."""
    import torch

    before, only_warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        first, second = gaps("cpu"), gaps("cpu")
    except RuntimeError as error:
        advice = (
            "a run that is interrupted and goes on may differ in its last digits; install torch's "
            "wheel from PyPI."
        )
        yield Finding(
            "deterministic",
            False,
            f"torch refuses deterministic mode: {last_line(str(error))}",
            advice,
        )
        return
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warns)
    said = "runs on the CPU repeat bit for bit with the same torch, CPU model and threads"
    yield Finding(
        "deterministic",
        first == second,
        said,
        "two equal computations differ: install torch's wheel from PyPI.",
    )
