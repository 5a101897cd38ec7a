"""What a run finds around it: device, threads, determinism, signals, memory, the cache folder.

What is changed here for a run is as it was before once the run is over.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from gnnseg import mapped
from gnnseg.distributed import started
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.runs import processes
from gnnseg.types import InputError, Setting

TRAINING, EVALUATION = ("scipy.linalg", "threadpoolctl"), ("sklearn.cluster",)  # what they import
NO_MEMORY = "DefaultCPUAllocator"  # of torch's message where the CPU's memory is not enough


def choose_device(wanted: str, ranks: Ranks = ALONE) -> tuple[torch.device, str]:
    """Return the device and why it was chosen.

    Args:
        wanted: auto, cpu, cuda, or cuda:N for one of several.
        ranks: The processes that train together, each of a machine's on a device of its own.

    Raises:
        InputError: A CUDA device is asked for that is not there, or for two processes.
    """
    if wanted == "cpu":
        return torch.device("cpu"), "asked for"
    if not torch.cuda.is_available():
        reason = "torch has no CUDA" if not torch.version.cuda else "no CUDA device was found"
        if wanted != "auto":
            raise InputError(f"device={wanted}: {reason}; use device=auto or device=cpu.")
        return torch.device("cpu"), reason
    device = torch.device("cuda" if wanted == "auto" else wanted)
    count = torch.cuda.device_count()
    if not ranks.alone:
        number, here = started.place()
        if here > count or ":" in wanted:
            raise InputError(
                f"device={wanted}: {here} processes on this machine take a CUDA device each, and "
                f"there are {count}; start at most so many with device=auto, or set device=cpu."
            )
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    if device.index is not None and device.index >= count:
        there = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise InputError(f"device={wanted}: there is {there}; use one of these, or device=auto.")
    asked = "" if wanted == "auto" else ", asked for"
    return device, f"{torch.cuda.get_device_name(device)}{asked}"


@contextlib.contextmanager
def threads(wanted: int | None) -> Iterator[None]:
    """Let torch use so many threads of the CPU; None: as many as it chooses, one in a worker."""
    before = torch.get_num_threads()
    limits = contextlib.nullcontext() if wanted is not None else processes.one_thread_a_worker()
    with limits as few:
        chosen = few if wanted is None else int(wanted)
        if chosen is not None:
            torch.set_num_threads(chosen)
        try:
            yield
        finally:
            torch.set_num_threads(before)


_MEMORY: Any = torch.utils.deterministic  # whose one attribute torch's types do not know


class _Deterministic:
    """Deterministic algorithms while anything trains on the CPU.

    The mode is the process's, so trainings in several threads share it; what it was before comes
    back after the last of them. Memory that is written next is not filled first, as torch else
    does in this mode. On CUDA the device is made the current one instead, which kernels of foreign
    layers look for.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, (False, True)

    @contextlib.contextmanager
    def __call__(self, device: torch.device) -> Iterator[None]:
        if device.type != "cpu":
            with torch.cuda.device(device):
                yield
            return
        with self._lock:
            if self._inside == 0:
                filled = _MEMORY.fill_uninitialized_memory
                self._before = torch.are_deterministic_algorithms_enabled(), filled
                self._set(True, False)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._set(*self._before)

    @staticmethod
    def _set(on: bool, filled: bool) -> None:
        torch.use_deterministic_algorithms(on)
        _MEMORY.fill_uninitialized_memory = filled


deterministic = _Deterministic()


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM ask the loop to stop after its step; a second one stops at once.

    In other threads than the main one signals are left alone.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def import_ahead(*names: str) -> float:
    """Import what would else be imported under the clock; return the seconds.

    Else the first run of a sweep alone would pay for it: ``TRAINING``, ``EVALUATION``.
    """
    begun = time.monotonic()
    for name in names:
        importlib.import_module(name)
    return time.monotonic() - begun


def forget_peak(device: torch.device) -> None:
    """Let the largest size count from here: one process may do many runs."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb(device: torch.device) -> float:
    """Return the process's largest resident size since ``forget_peak``, in MB.

    On macOS since the process began; on CUDA the allocator's largest instead.
    """
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    if peak := next((line for line in lines if line.startswith("VmHWM:")), None):
        return round(int(peak.split()[1]) * 1024 / 1e6, 1)
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(largest * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


@contextlib.contextmanager
def arrays(config: Mapping[str, Any]) -> Iterator[None]:
    """Keep large arrays where ``cache.mapped`` says, in files of the cache folder or in memory.

    Raises:
        InputError: Memory is not enough, or the disk of the files.
    """
    folder = cache_root(config) / "arrays" if config["cache"]["mapped"] else None
    try:
        with mapped.in_files(folder):
            yield
    except mapped.FilesError as error:
        raise InputError(
            where=f"{folder}",
            problem=f"cannot hold the interactions and the graph (cache.mapped=true): {error}",
            advice=("make room, or set ", Setting("cache.root", "FOLDER"), " to another disk"),
        ) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and NO_MEMORY not in str(error):
            raise
        raise InputError(
            where="memory",
            problem="not enough for this set and these settings",
            advice=(
                "use fewer segments, a smaller encoder.dim or trainer.batch_size"
                if folder is not None
                else ("set ", Setting("cache.mapped", "true"), ": large arrays lie in files then")
            ),
        ) from error


def cache_root(config: Mapping[str, Any]) -> Path:
    """Return cache.root, or the user's cache folder."""
    import platformdirs

    root = config["cache"]["root"] or platformdirs.user_cache_dir("gnnseg")
    return Path(root).expanduser().absolute()
