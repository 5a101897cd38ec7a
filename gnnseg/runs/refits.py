"""A finished run's model, fitted again from the run's folder alone; no folder is made of it.

    refits.alphas(run, 5)                             memberships of five refits, (U,K) each
    refits.fit(run, [("seed", 1), ("users", 1)])      with what else is known of each, as they come

Settings, epochs, the choice of the best epoch and an earlier run it starts from, which must still
be there, are the run's own. Every refit trains on one
thread, by itself or beside others in processes of their own: how many does not move a figure. Shape
legend: U users, K segments.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.config.fitted import name_of
from gnnseg.data import resampling
from gnnseg.evaluation import segments
from gnnseg.graph.rewiring import rewired
from gnnseg.rng import Rng
from gnnseg.runs import earlier, environment, inputs, loading, persistence
from gnnseg.runs.assembly import assemble
from gnnseg.runs.fitting import finished, fit_in_memory
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.plan import Plan
from gnnseg.runs.stored import StoredRun
from gnnseg.types import Floats, IdMap, InputError, Ints, Segmentation, Split

IDLE = 10.0  # seconds after which a process without a refit ends
SHARE = 0.9  # of every user's training events
# what differs from the run, beside the seed: nothing, a tenth of everybody's events left out, other
# people of the same kind, everything but the degrees
Kind = Literal["seed", "events", "users", "rewired"]
Done = Callable[[int, int], None]


@dataclass(frozen=True)
class Refit:
    """One refit: ``alpha`` (U,K) float64, NaN in the rows of users who are not in it.

    ``epoch`` of the best ``value`` of what the run monitors; ``modularity`` of its segments on what
    it was trained on.
    """

    kind: Kind
    number: int
    alpha: Floats
    epoch: int
    value: float | None
    modularity: float


def alphas(
    run: StoredRun,
    count: int,
    kind: Kind = "events",
    *,
    progress: Done | None = None,
    workers: int | None = None,
) -> list[Floats]:
    """Return the memberships of refits 1 to ``count`` of a kind, (U,K) each; see ``fit``."""
    asked = [(kind, number) for number in range(1, count + 1)]
    return [each.alpha for each in fit(run, asked, progress=progress, workers=workers)]


def fit(
    run: StoredRun,
    asked: Sequence[tuple[Kind, int]],
    *,
    progress: Done | None = None,
    workers: int | None = None,
) -> Iterator[Refit]:
    """Yield refits in the order asked for, as they are done.

    Refit n of any kind has the run's seed + n; what it trains on is a function of (the run's seed,
    n). 'seed' differs by nothing else, so that its refit n is the run of seed + n itself; 'events'
    trains on ``SHARE`` of every user's training events; 'users' on a bootstrap sample of the users,
    for as many epochs as the run where nobody in it has a validation pair; 'rewired' on training
    and validation pairs of the same degrees.

    Args:
        run: the finished run.
        asked: kind and number, from 1, of each.
        progress: told how many of how many are done.
        workers: processes; None: as many as cores, memory and ``threads`` allow, on CUDA one.

    Raises:
        InputError: the run cannot be fitted again from its folder, and why.
    """
    found = fit_all([(run, kind, number) for kind, number in asked], workers=workers)
    for done, each in enumerate(found, 1):
        if progress is not None:
            progress(done, len(asked))
        yield each


def fit_all(
    asked: Sequence[tuple[StoredRun, Kind, int]], *, workers: int | None = None
) -> Iterator[Refit]:
    """Yield refits of several runs in the order asked for, as they are done; see ``fit``.

    Args:
        asked: run, kind and number of each.
        workers: processes; None: as many as fit the largest of the runs.

    Raises:
        InputError: a run cannot be fitted again from its folder, and why.
    """
    if not asked:
        return
    by_chance = {run.path for run, kind, _ in asked if kind == "rewired"}
    for run in {run.path: run for run, _, _ in asked}.values():
        refuse(run, rewired=run.path in by_chance)
    if workers is None:
        largest = max((run for run, _, _ in asked), key=lambda run: float(run.record["memory_mb"]))
        workers = _workers(largest, len(asked))
    count = max(1, min(workers, len(asked)))
    for each in _each([(run.path, kind, number) for run, kind, number in asked], count):
        yield replace(each, alpha=each.alpha.astype(np.float64))


def refuse(run: StoredRun, *, rewired: bool = False) -> None:
    """Refuse a run that cannot be fitted again from its folder, or on graphs of chance.

    Raises:
        InputError: it has not finished, is a refit on all events, has no segments, learns from a
            log, or was trained by code that gives other figures.
    """
    if run.state != "finished":
        raise InputError(f"{run.name}: this run is {run.state}; finish it before it is refitted.")
    if run.is_refit:
        raise InputError(
            f"{run.name}: is a refit on all events, of which nothing is held out to choose its "
            f"epoch by; name the evaluated run, {run.record['refit']['run']}."
        )
    if not run.has_segments:
        raise InputError(f"{run.name}: its head has no segments; train with head=segments.")
    refuse_baseline(run)
    refuse_other_code(run)
    refuse_log(run.config, run.name)
    if rewired and run.folder.file("habits.npz").exists():
        raise InputError(
            f"{run.name}: learns habits from visits, which a rewired graph has none of; leave out "
            "--rewired, or train with head.habit=false."
        )


def refuse_baseline(run: StoredRun) -> None:
    """Refuse a run of a baseline, whose fit is not done again."""
    if (name := name_of(run.config)) is not None:
        raise InputError(
            f"{run.name}: baseline={name} is not fitted again from a folder; take a trained model, "
            "such as encoder=lightgcn."
        )


def refuse_other_code(run: StoredRun) -> None:
    """Refuse a run that was trained by code that gives other figures."""
    if run.record["numerics"] != NUMERICS:
        raise InputError(
            f"{run.name}: was trained by code of numerics {run.record['numerics']}, and this is "
            f"{NUMERICS}: a refit would be of another model; train it again."
        )


def refuse_log(config: Mapping[str, Any], name: str) -> None:
    """Refuse what learns from a log, which no run folder keeps."""
    part = inputs.wanted(config).get("log")
    if part is not None:
        raise InputError(
            f"{name}: {part} learns from a log, which a run's folder does not keep: it cannot be "
            "fitted again; set evidence.refits=0."
        )


def one(path: Path, kind: Kind, number: int) -> Refit:
    """Fit a run's model again, in this process and on one thread."""
    assert kind in get_args(Kind)
    run = StoredRun(path)
    config = loading.configuration(path)
    rng = Rng(int(config["seed"])).child("refits").at(number)
    config["seed"] = int(config["seed"]) + number
    device, _ = environment.choose_device(str(config["device"]))
    protocol = build(config["evaluation"], parts(config, "metrics"))
    split, beside, people = run.split(), persistence.beside(path), None
    if kind == "users":
        people = resampling.resampled(len(split.users), rng)
        split, beside = _sampled(split, people), beside.of(people)
    elif kind == "rewired":
        split = replace(
            split,
            train=rewired(split.train, rng.child("train")),
            valid=rewired(split.valid, rng.child("valid")),
        )
    train_pairs = protocol.training_pairs(split)
    if kind == "events":
        whole, train_pairs = train_pairs, resampling.thinned(train_pairs, SHARE, rng)
        beside = beside.thinned(whole, train_pairs, len(split.items), rng)
    plan = Plan(
        config=config, split=split, train_pairs=train_pairs, protocol=protocol, device=device
    )
    with environment.threads(1), environment.deterministic(device):
        given = beside.inputs(config, split, train_pairs).to(device)
        model = assemble(config, given.shape, plan.rng).to(device)
        before = earlier.of(config, run.split(), given)
        if before is not None and people is not None:
            before = before.of_people(people)
        epochs = None if protocol.validates(split) else int(run.record["best"]["epoch"])
        state = fit_in_memory(plan, model, given, before=before, epochs=epochs)
        _, scorer = finished(plan, model, given)
        assert isinstance(scorer, Segmentation)
        alpha = scorer.alpha.detach().cpu()
        fits = segments.modularity(
            segments.hard(alpha),
            segments.item_segments(alpha, train_pairs, len(split.items)),
            train_pairs,
        )
    rows = None if people is None else resampling.first_rows(people, len(run.users))
    return Refit(kind, number, _by_user(alpha.float().numpy(), rows), state.best_epoch,
                 state.best_value, fits)  # fmt: skip


def _sampled(split: Split, people_U: Ints) -> Split:
    """Return the pairs of a sample of the users, who are called by their rows."""
    return replace(
        split,
        users=IdMap(np.array([str(row) for row in range(len(people_U))], dtype=object)),
        train=resampling.pairs_of(split.train, people_U),
        valid=resampling.pairs_of(split.valid, people_U),
        test=resampling.pairs_of(split.test, people_U),
    )


def _by_user(alpha_UK: Any, rows: Ints | None) -> Any:
    """Return memberships by the run's users; ``rows``: each user's, -1 for who is in none."""
    if rows is None:
        return alpha_UK
    return np.where((rows >= 0)[:, None], alpha_UK[rows], np.float32(np.nan))


def _each(asked: Iterable[tuple[Path, Kind, int]], workers: int) -> Iterator[Refit]:
    if workers == 1:
        for path, kind, number in asked:
            yield one(path, kind, number)
        return
    from joblib import Parallel, delayed

    pool = Parallel(
        n_jobs=workers, backend="loky", return_as="generator", pre_dispatch=workers,
        idle_worker_timeout=IDLE,
    )  # fmt: skip
    yield from pool(delayed(one)(*each) for each in asked)


def _workers(run: StoredRun, refits: int) -> int:
    """Return how many processes train at once.

    One where the run goes to CUDA, or is itself one of several processes (a sweep's).
    """
    import psutil
    from joblib import cpu_count

    device, _ = environment.choose_device(str(run.config["device"]))
    if device.type != "cpu" or multiprocessing.parent_process() is not None:
        return 1
    cores = int(cpu_count())
    threads = int(run.config["threads"] or cores)
    room = int(psutil.virtual_memory().available / (float(run.record["memory_mb"]) * 1e6 + 1))
    return max(1, min(refits, cores, threads, room))
