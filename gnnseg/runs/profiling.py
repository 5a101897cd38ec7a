"""Where the time of a training step goes: torch's profiler on a few steps early in a training.

The first steps warm caches up and are left out; then ``STEPS`` are recorded and the rest of the
training goes on as ever. What is drawn and learned is the same with and without; on a GPU, steps
are taken one by one meanwhile and after, since a recorded one has no parts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function, schedule

from gnnseg.data.atomic import atomic
from gnnseg.runs import schema
from gnnseg.training.steps import PHASES

if TYPE_CHECKING:
    from gnnseg.models.model import Model
    from gnnseg.runs.job import Job

WAIT, WARMUP, STEPS = 3, 2, 10
TRACE, TABLE = "trace.json", "profile.parquet"
OPERATORS = 20  # of the table: those that take longest by themselves


@contextlib.contextmanager
def steps(job: Job, model: Model) -> Iterator[Callable[[], None]]:
    """Give what is to be called after each step.

    It does nothing where ``profile`` is false, and on other ranks than the first. Else it
    writes the trace and the table of phases into the job's folder once the steps are recorded, or
    training is over.
    """
    if not job.plan.config["profile"] or not job.plan.ranks.first:
        yield lambda: None
        return
    cuda = job.plan.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    written: list[bool] = []

    def write(found: Any) -> None:
        written.append(True)
        with atomic(job.folder.file(TRACE)) as aside:
            found.export_chrome_trace(str(aside))
        with atomic(job.folder.file(TABLE)) as aside:
            table(found.key_averages()).write_parquet(aside)
        job.say(f"profile of {STEPS} steps: {TABLE}, {TRACE}")

    with (
        _parts_named(model),
        profile(
            activities=activities,
            schedule=schedule(wait=WAIT, warmup=WARMUP, active=STEPS, repeat=1),
            on_trace_ready=write,
        ) as found,
    ):
        yield found.step
    if not written:
        job.say(f"profile: nothing is recorded of the first {WAIT + WARMUP} steps; train longer")


def table(averages: Any) -> pl.DataFrame:
    """Return phases, the parts inside them, and operators, with milliseconds a step.

    A phase holds what is called inside it; an operator counts what it does itself.
    """
    names = [*PHASES, *(name for name, _ in PARTS)]
    count = max((each.count for each in averages if each.key == PHASES[-1]), default=1)
    rows = []
    for each in averages:
        if each.key in names:
            kind = "phase" if each.key in PHASES else "part"
            rows.append((kind, each, each.cpu_time_total, each.device_time_total))
        elif not each.key.startswith("ProfilerStep"):
            rows.append(("operator", each, each.self_cpu_time_total, each.self_device_time_total))
    rows.sort(key=lambda row: (names.index(row[1].key) if row[0] != "operator" else len(names),
                               -row[2] - row[3]))  # fmt: skip
    return pl.DataFrame(
        [
            (kind, each.key, each.count, cpu / count / 1e3, device / count / 1e3)
            for kind, each, cpu, device in rows[: len(names) + OPERATORS]
        ],
        schema=schema.types(TABLE),
        orient="row",
    )


PARTS: tuple[tuple[str, Callable[[Model], nn.Module]], ...] = (
    ("encoder", lambda model: model.encoder),
    ("head", lambda model: model.head),
    ("objective", lambda model: model.objective),
)


@contextlib.contextmanager
def _parts_named(model: Model) -> Iterator[None]:
    """Have what encoder, head and objective do stand under their names."""
    open_: list[record_function] = []
    handles = []
    for name, part in PARTS:

        def enter(*_: Any, name: str = name) -> None:
            open_.append(record_function(name))
            open_[-1].__enter__()  # type: ignore[no-untyped-call]

        def leave(*_: Any) -> None:
            open_.pop().__exit__(None, None, None)

        handles.append(part(model).register_forward_pre_hook(enter))
        handles.append(part(model).register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
