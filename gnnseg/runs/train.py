"""What a run does, top to bottom: the composition root.

table -> Interactions -> Split -> BipartiteGraph -> training -> Segmentation -> judgement -> run
folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from gnnseg import data, tracking
from gnnseg.config import build, recorded, stable
from gnnseg.config.extensions import parts
from gnnseg.config.stable import short
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.raw import Raw
from gnnseg.evaluation import evaluator
from gnnseg.models.encoders.capabilities import SamplesNeighbours
from gnnseg.models.fold_in import FoldIn
from gnnseg.models.model import Model
from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.runs import inputs, writer
from gnnseg.runs.folder import NUMERICS, SCHEMA, RunFolder, identity
from gnnseg.runs.inputs import Inputs
from gnnseg.training import events
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.loop import Interrupted, fit
from gnnseg.training.progress import Progress
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Embeddings, InputError, Pairs, Scorer, Shape, Split, Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """A run's folder, the monitored metric's best value, and whether the run stood there finished
    already."""

    path: Path
    value: float | None
    reused: bool


def train(
    config: Mapping[str, Any],
    *,
    say: Say = lambda line: print(line, file=sys.stderr),
    fresh: bool = False,
    sweep: str | None = None,
    job: int | None = None,
    raw: Raw | None = None,
    progress: bool = True,
) -> Result:
    """Do the run that ``config`` (checked by ``config.check``) describes; find it again finished;
    or go on with it.

    ``raw``: the interactions themselves, where they were handed over in Python (data=given).
    ``progress``: a bar where standard error is a terminal.
    """
    begun = time.monotonic()
    device, why = choose_device(str(config["device"]))
    writer.forget_peak(device)
    with _threads(config["threads"]):
        say(f"device {device}: {why}; {torch.get_num_threads()} threads")
        split = read(config, say, raw)
        protocol = build(config["evaluation"], parts(config, "metrics"))
        train_pairs = protocol.training_pairs(split)
        digest = identity(config, split.fingerprint)
        name = "-".join(
            [
                str(config["data"]["name"]),
                component(config, "encoder"),
                component(config, "head"),
                digest[:12],
            ]
        )
        folder = RunFolder(Path(config["runs"]["root"]).expanduser().absolute() / name)
        with folder.locked():
            if fresh:
                writer.clear(folder)
            if folder.state() == "finished":
                return _found(folder, say)
            begun += _imported()
            run = _Run(config, split, train_pairs, protocol, device, folder, say, progress)
            record = run.record(why, digest, name, sweep, job)
            record["seconds"]["data"] = round(time.monotonic() - begun, 3)
            return run.go(record, begun)


def _imported() -> float:
    """Import what training and judging would import under the clock, which a sweep's first run
    alone would pay; the seconds."""
    begun = time.monotonic()
    for name in ("scipy.sparse", "sklearn.cluster", "sklearn.utils.extmath", "threadpoolctl"):
        importlib.import_module(name)
    return time.monotonic() - begun


def read(config: Mapping[str, Any], say: Say, raw: Raw | None = None) -> Split:
    """The data set, cleaned, indexed and split; what it is, said aloud."""
    root = Path(config["data"]["root"]).expanduser().absolute()
    dataset = data.load(config["data"], root=root, cache=cache_root(config), say=say, raw=raw)
    split = data.split.make(dataset, config["split"])
    say(
        f"data {split.name} ({split.fingerprint[:16]}): {len(split.users):,} users, "
        f"{len(split.items):,} items; split "
        f"{split_name(config)}: {len(split.train):,} train, {len(split.valid):,} valid, "
        f"{len(split.test):,} test pairs"
    )
    return split


def fetch(config: Mapping[str, Any], name: str, root: Path, *, say: Say) -> Path:
    """Bring a named set to ``root`` (or the cache, where root cannot be written); the folder it is
    in."""
    from gnnseg.data.sets.fetching import Place

    return Place(root.expanduser().absolute(), cache_root(config), say).fetch(name)


def cache_root(config: Mapping[str, Any]) -> Path:
    """cache.root, or the user's cache folder."""
    import platformdirs

    return (
        Path(config["cache"]["root"] or platformdirs.user_cache_dir("gnnseg"))
        .expanduser()
        .absolute()
    )


def split_name(config: Mapping[str, Any]) -> str:
    return stable(str(config["split"]["_target_"])).rsplit(".", 1)[-1]


def component(config: Mapping[str, Any], group: str) -> str:
    return short(str(config[group]["_target_"]))


def choose_device(wanted: str) -> tuple[torch.device, str]:
    """The device and why. ``cuda`` without CUDA is an InputError."""
    if wanted == "cpu":
        return torch.device("cpu"), "asked for"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"{torch.cuda.get_device_name()}" + (
            ", asked for" if wanted == "cuda" else ""
        )
    reason = "torch has no CUDA" if not torch.version.cuda else "no CUDA device was found"
    if wanted == "cuda":
        raise InputError(f"device=cuda: {reason}; use device=auto or device=cpu.")
    return torch.device("cpu"), reason


class _Run:
    """One run in its folder, from the split to the report."""

    def __init__(
        self,
        config: Mapping[str, Any],
        split: Split,
        train_pairs: Pairs,
        protocol: Any,
        device: torch.device,
        folder: RunFolder,
        say: Say,
        progress: bool,
    ) -> None:
        self.config, self.split, self.train_pairs, self.protocol = (
            config,
            split,
            train_pairs,
            protocol,
        )
        self.device, self.folder, self.say, self.progress = device, folder, say, progress
        self.rng = Rng(int(config["seed"]))
        self.settings: TrainerSettings = build(config["trainer"])
        self.monitor = self.settings.monitor
        if protocol.protocol == "paper":
            self.monitor = self.monitor.replace("valid/", "test/")
            self.settings = replace(self.settings, monitor=self.monitor)

    def record(
        self, why: str, digest: str, name: str, sweep: str | None, job: int | None
    ) -> dict[str, Any]:
        """run.json as far as it is known before training."""
        split = self.split
        return {
            "schema": SCHEMA,
            "numerics": NUMERICS,
            "hash": digest,
            "name": name,
            "state": "running",
            "error": None,
            "config": recorded(self.config),
            "data": {
                "name": split.name,
                "users": len(split.users),
                "items": len(split.items),
                **{part: len(pairs) for part, pairs in split.parts.items()},
                "fingerprint": split.fingerprint,
                "pairs": {
                    part: pair_fingerprint(pairs.user, pairs.item)
                    for part, pairs in split.parts.items()
                },
                "split": split_name(self.config),
                "notes": dict(split.notes),
            },
            "versions": versions(),
            "git": git_revision(),
            "source": source_digest(),
            "device": {"name": str(self.device), "why": why, "threads": torch.get_num_threads()},
            "sweep": sweep,
            "job": job,
            "seconds": {},
            "protocol": self.protocol.protocol,
            "seen": self.protocol.seen,
            "metrics": {},
            "baselines": {},
            "alarms": [],
            "exact": True,
        }

    def go(self, record: dict[str, Any], begun: float) -> Result:
        self.folder.write_json(record)
        tracker = tracking.open_tracker(
            build(self.config["tracking"]), self.folder.path, config=dict(self.config),
            name=record["name"],
            group=record["sweep"], say=self.say,
        )  # fmt: skip
        failed = True
        try:
            self._train_and_judge(record, tracker, begun)
            failed = False
        except Interrupted:
            record["state"] = "interrupted"
            self.folder.write_json(record)
            self.say(f"stopped and saved; the same command goes on: {self.folder.path}")
            raise
        except Exception as error:
            record["state"], record["error"] = "failed", f"{error}" or type(error).__name__
            with contextlib.suppress(InputError):
                self.folder.write_json(record)
            raise
        finally:
            tracker.finish(failed)
        return Result(self.folder.path, record["best"]["value"], reused=False)

    def _say_what_is_sampled(self, model: Model) -> None:
        """Neighbourhoods of everybody, drawn at every step, cost more than passing every message."""
        whole = (
            "a full batch asks for every user and item"
            if self.settings.batch_size is None
            else None
        )
        if whole is None and model.head.catalogue:
            whole = "this head asks for every item"
        if whole is not None:
            self.say(
                f"neighbours are sampled, but {whole} at every step: no cheaper than the whole "
                "graph. What samples at the cost of "
                "its rows is trainer.batch_size with head=dot, or head.beta=affinity or membership."
            )

    def _train_and_judge(self, record: dict[str, Any], tracker: Any, begun: float) -> None:
        given = inputs.of(self.config, self.split, self.train_pairs, self.say).to(self.device)
        record["data"]["features"] = {kind: len(names) for kind, names in given.columns.items()}
        record["data"]["homophily"] = (
            given.graph.homophily if given.graph.social is not None else None
        )
        record["data"]["labels"] = None if given.labels is None else given.labels.account()
        model = assemble(self.config, given.shape, self.rng).to(self.device)
        if isinstance(model.encoder, SamplesNeighbours) and model.encoder.samples:
            self._say_what_is_sampled(model)
        record["parameters"] = sum(p.numel() for p in model.parameters())
        started = time.monotonic()
        with _deterministic(self.device):
            best, record["exact"] = self._fit(model, given, tracker)
        record["seconds"]["train"] = round(time.monotonic() - started, 3)
        record["best"] = {
            "epoch": best.best_epoch,
            "metric": self.monitor,
            "value": best.best_value,
        }
        started = time.monotonic()
        with torch.no_grad():
            embeddings = model.embed(given.graph, given.features)
            model.finish(embeddings, given.graph, self.rng.child("finish"))
            scorer: Scorer = model.head(embeddings)
            verdict = evaluator.final(
                scorer, embeddings, given.graph, self.split, self.train_pairs, self.protocol,
                self._clusters(), self.rng,
                model.negatives, baselines=parts(self.config, "baselines"),
                features=given.features,
            )  # fmt: skip
            classes_UC = model.predict(Step(embeddings, scorer))
            if given.labels is not None and classes_UC is not None:
                verdict = evaluator.with_labels(verdict, classes_UC, given.labels)
                writer.write_labels(self.folder, self.split.users, given.labels, classes_UC)
            record["metrics"], record["baselines"], record["alarms"] = (
                verdict.metrics,
                verdict.baselines,
                verdict.warnings,
            )
            record["seconds"]["evaluate"] = round(time.monotonic() - started, 3)
            writer.write(
                self.folder, self.split, self.train_pairs, model, embeddings, scorer, verdict
            )
            inputs.store(self.folder, given, self.split)
            writer.write_attributes(
                self.folder, given.features, given.columns, self.train_pairs, model.encoder, scorer
            )
            writer.write_profiles(
                self.folder, given.people, given.people_columns, self.train_pairs, scorer
            )
        record["seconds"]["total"] = round(time.monotonic() - begun, 3)
        record["memory_mb"] = writer.peak_memory_mb(self.device)
        record["state"] = "finished"
        writer.finish(self.folder, record, tracker, self.say)

    def _clusters(self) -> int:
        """K of the row 'posthoc (own embeddings)': the head's, or 16."""
        return int(self.config["head"].get("segments") or 16)

    def _fit(self, model: Model, given: Inputs, tracker: Any) -> tuple[State, bool]:
        """Train, or go on training, and leave the best weights in the model."""
        pattern, known = given.graph.pattern, given.known(self.device)
        objective = model.objective
        made_of = events.of(
            objective,
            pattern,
            self.train_pairs,
            self.split.log,
            self.split.name,
            mask=self.protocol.seen == "mask",
        )
        checkpoint, exact = Checkpoint(self.folder.file("state.pt")), True
        if not checkpoint.exists():
            with torch.no_grad():
                model.reset(given.graph, given.features, self.rng, known)
        optimizer = build(self.config["optimizer"], model.parameters())
        state = State()
        if checkpoint.exists():
            state, exact = checkpoint.load(model, optimizer, self.device)
            self.say(f"going on at epoch {state.epoch + 1}, step {state.step + 1}")
            if not exact:
                self.say(
                    "this machine or torch differs from the one before: the result may differ in "
                    "the last digits"
                )
        tracker.truncate(state.logged_bytes)
        task = self.protocol.valid_task(self.split)
        training = Training(given.graph, given.features, made_of, known)
        begun = time.monotonic()

        def evaluate(scorer: Scorer) -> dict[str, float]:
            part = "test" if self.protocol.protocol == "paper" else "valid"
            return evaluator.during(
                scorer, task, self.protocol, self.train_pairs, part, self.device, self.split.log
            )

        def log(at: State, metrics: Mapping[str, float]) -> int:
            line = {
                "epoch": at.epoch,
                **metrics,
                "lr": optimizer.param_groups[0]["lr"],
                "seconds": time.monotonic() - begun,
            }
            tracker.log(line, at.step)
            return int(tracker.position())

        with (
            Progress(self.settings.max_epochs, self.monitor, shown=self.progress) as progress,
            _signals() as stop,
        ):
            state = fit(
                model, optimizer, training, self.settings, self.rng.child("train"), state,
                checkpoint,
                evaluate=evaluate, log=log, progress=progress, stop=stop,
            )  # fmt: skip
        assert checkpoint.best is not None
        model.load_state_dict(checkpoint.best)
        model.eval()
        return state, exact


def assemble(config: Mapping[str, Any], shape: Shape, rng: Rng) -> Model:
    """The model a configuration describes, untrained."""
    encoder = build(config["encoder"], shape, rng.child("encoder"))
    head = build(config["head"], replace(shape, width=encoder.width), rng.child("head"))
    shape = replace(shape, width=encoder.width, segments=int(config["head"].get("segments") or 0))
    if shape.segments > shape.users:
        raise InputError(
            f"head.segments={shape.segments}: there are {shape.users:,} users; choose fewer "
            "segments."
        )
    objective: Objective = build(config["objective"])
    objective.prepare(shape, rng.child("objective"))
    terms = {}
    for name, node in (config["regularisers"] or {}).items():
        if node["weight"] != 0:
            term: Objective = build({key: value for key, value in node.items() if key != "weight"})
            term.prepare(shape, rng.child(name))
            terms[name] = (float(node["weight"]), term)
    model = Model(encoder, head, objective, terms)
    if not any(True for _ in model.parameters()):
        raise InputError(
            f"encoder={component(config, 'encoder')} with head={component(config, 'head')}: there "
            "is nothing to train; "
            "choose another head or encoder."
        )
    return model


def scorer_of(path: Path) -> Scorer:
    """A finished run's scorer on the CPU, from its folder alone: stored embeddings through the
    stored head."""
    from safetensors.torch import load_file

    folder = RunFolder(Path(path))
    config = folder.read_json()["config"]
    stored = load_file(folder.file("scores.safetensors"))
    weights = load_file(folder.file("model.safetensors"))
    user, item = stored["user"], stored["item"]
    shape = Shape(len(user), len(item), stored["item_counts"], width=user.shape[1])
    head = build(config["head"], shape, Rng(int(config["seed"])).child("head"))
    head.load_state_dict(
        {name[5:]: value for name, value in weights.items() if name.startswith("head.")}
    )
    head.eval()
    with torch.no_grad():
        scorer: Scorer = head(Embeddings(user, item, user, item))
    return scorer


def fold_in_of(path: Path, split: Split) -> FoldIn:
    """A finished run ready for users it was not trained on, on the CPU, from its folder alone
    (``split``: its own pairs)."""
    from safetensors.torch import load_file

    folder = RunFolder(Path(path))
    config = folder.read_json()["config"]
    given = inputs.restore(path, config, split)
    model = assemble(config, given.shape, Rng(int(config["seed"])))
    model.load_state_dict(load_file(folder.file("model.safetensors")))
    model.eval()
    return FoldIn(model, given.graph, given.features, config["graph"]["weights"])


def _found(folder: RunFolder, say: Say) -> Result:
    record = folder.read_json()
    note = (
        ""
        if record["source"] == source_digest()
        else " (with other code than this: its digest differs; --fresh recomputes)"
    )
    say(f"finished before{note}: {folder.path}")
    return Result(folder.path, record["best"]["value"], reused=True)


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("gnnseg", "torch", "numpy", "hydra-core", "polars", "scikit-learn", "scipy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def git_revision() -> str | None:
    """The checkout's commit, with '+' where files differ from it; None outside a checkout."""
    here = Path(__file__).parents[1]
    if not (here.parent / ".git").exists():
        return None
    try:
        ask = [
            "git",
            "-C",
            str(here),
            "describe",
            "--always",
            "--dirty=+",
            "--abbrev=12",
            "--exclude=*",
        ]
        return subprocess.run(
            ask, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def source_digest() -> str:
    """sha256 over this package's Python files."""
    digest = hashlib.sha256()
    here = Path(__file__).parents[1]
    for path in sorted(here.rglob("*.py")):
        digest.update(str(path.relative_to(here)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@contextlib.contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if wanted is not None:
        torch.set_num_threads(int(wanted))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Deterministic:
    """Deterministic algorithms while anything trains on the CPU; the mode before comes back after
    the last of them.

    The mode is the process's, so trainings in several threads share it.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, False

    @contextlib.contextmanager
    def __call__(self, device: torch.device) -> Iterator[None]:
        if device.type != "cpu":
            yield
            return
        with self._lock:
            if self._inside == 0:
                self._before = torch.are_deterministic_algorithms_enabled()
                torch.use_deterministic_algorithms(True)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    torch.use_deterministic_algorithms(self._before)


_deterministic = _Deterministic()


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM ask the loop to stop after the step it is in; a second one stops at once.
    Main thread only."""
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
