"""What a finished run's folder holds, read when it is first asked for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from gnnseg import records
from gnnseg.mapped import kept
from gnnseg.runs import processes
from gnnseg.runs.figures import tabled
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Floats, IdMap, InputError, Ints, Pairs, Split

if TYPE_CHECKING:
    from torch import Tensor

    from gnnseg.models.fold_in import FoldIn
    from gnnseg.runs.known import Known
    from gnnseg.sparse import Csr
    from gnnseg.types import Scorer

SEARCHED = 20_000  # ids among which a close one is looked for when an unknown id is asked about


class StoredRun:
    """A run as its folder has it: ids, pairs, scores, and the model ready to answer.

    Neither the training data nor the device it was trained on is needed.
    """

    def __init__(self, path: Path | str, scorer: Scorer | None = None) -> None:
        self.path = Path(path).expanduser().absolute()
        self.name = self.path.name
        self.folder = RunFolder(self.path)
        self.record = self.folder.read_json()
        self.metrics: dict[str, float] = {
            name: float("nan") if value is None else float(value)
            for name, value in self.record["metrics"].items()
        }
        self._given = scorer

    @property
    def state(self) -> str:
        """Return running, finished, interrupted or failed."""
        return str(self.record.get("state"))

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration, as it would be written today."""
        return dict(self.record["config"])

    @property
    def is_refit(self) -> bool:
        """Return whether this is a refit on all events, of which nothing is a test figure."""
        return "refit" in self.record

    @property
    def has_segments(self) -> bool:
        """Return whether the run's head has segments."""
        return self.folder.file("segments.parquet").exists()

    @cached_property
    def users(self) -> IdMap:
        """Return the users' original ids in index order."""
        return self._ids("user")

    @cached_property
    def items(self) -> IdMap:
        """Return the items' original ids in index order."""
        return self._ids("item")

    @cached_property
    def scorer(self) -> Scorer:
        """Return what scores the run's users and items."""
        from gnnseg.runs import loading

        return loading.scorer_of(self.path) if self._given is None else self._given

    @cached_property
    def fold_in(self) -> FoldIn:
        """Return what embeds users who were not in training."""
        from gnnseg.runs import loading

        return loading.fold_in_of(self.path, self.split())

    @cached_property
    def known(self) -> Known:
        """Return what of a new user can be read."""
        from gnnseg.runs import inputs, loading, persistence, weights
        from gnnseg.runs.known import Known, short_of

        config, train = loading.configuration(self.path), self.split().train
        return Known(
            name=self.name,
            users=self.users,
            items=self.items,
            encoding=persistence.encoding_of(self.path),
            reads=inputs.reads(config),
            weight=float(train.weight.sum() / max(train.count.sum(), 1)),
            half_life=self._half_life(),
            again=persistence.again_in(self.path),
            short=short_of(train),
            self_assign=self.metrics.get("segment/self_assign", 1.0),
            self_assign_known=self.metrics.get("segment/self_assign_known"),
            edges=weights.read_of(config),
        )

    def _half_life(self) -> Floats | None:
        """Return the half-lives of the run's habits in seconds, (M,); None where it has none."""
        from gnnseg.data import visits
        from gnnseg.runs import persistence

        apart = persistence.visits_in(self.path)
        return None if apart is None else visits.half_lives(apart)

    @cached_property
    def pairs(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the pairs of all parts by column of seen.npz; part 0, 1, 2: train, valid, test."""
        with np.load(self._file("seen.npz")) as stored:
            found = {name: kept(stored[name]) for name in stored.files}
        ones = np.ones(len(found["user"]), dtype=np.int64)
        return {"count": ones, **found}  # folders of old have no count

    @cached_property
    def seen(self) -> Csr:
        """Return (U,I): every pair of all three parts, which a recommendation leaves out."""
        from gnnseg.evaluation import pairs

        return pairs.known(self.split())

    def split(self) -> Split:
        """Return the pairs of the three parts as they were split; times stay with the data."""
        stored = {name: column for name, column in self.pairs.items() if name != "part"}

        def part(number: int) -> Pairs:
            at = self.pairs["part"] == number
            return Pairs(**{column: values[at] for column, values in stored.items()})

        return Split(
            name=str(self.record["data"]["name"]),
            users=self.users,
            items=self.items,
            train=part(0),
            valid=part(1),
            test=part(2),
        )

    def metric(self, name: str) -> float:
        """Return one figure; InputError, with names nearest to it, where there is none such.

        Of run.json, or of the tables about segments, as in segment/3/ndcg@20.
        """
        known = self.metrics
        if name not in known and name.startswith("segment/"):
            known = {**known, **tabled(self.path)}
        if name not in known and self.is_refit:
            run = self.record["refit"]["run"]
            raise InputError(
                f"{self.name}: a refit on all events has no {name}, it was trained on what would "
                f"be asked; of the evaluated run: gnnseg show {run} {name}"
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
            hint = f"it has {', '.join(sorted(known)[:8])} …"
            hint = f"did you mean {', '.join(close)}?" if close else hint
            raise InputError(
                f"{self.name}: no metric {name!r}; {hint if known else 'this run has none yet.'}"
            )
        return known[name]

    def history(self) -> pl.DataFrame:
        """Return metrics.jsonl, a row a line."""
        path = self.folder.file("metrics.jsonl")
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return pl.DataFrame([records.parsed(line) for line in lines], infer_schema_length=None)

    def labels(self) -> pl.DataFrame:
        """Return labels.parquet; InputError where the run learned none."""
        if not self.folder.file("labels.parquet").exists() and self.state == "finished":
            raise InputError(
                f"{self.name}: learned no labels; train with regularisers.labels.weight above 0."
            )
        return self.frame("labels")

    def groups(self) -> pl.DataFrame:
        """Return the table of segments, with what other tables say of each of them.

        Made anew where the folder is of before; ``size`` is ``people``, groups' share alpha_share.
        """
        from gnnseg.runs import summary

        groups = self.frame("groups").drop("size", "share")
        there = self.folder.file(summary.FILE).exists()
        found = self.frame("summary") if there else summary.of(self)
        for other in ("groups", "evidence", "stability"):
            if self.folder.file(f"{other}.parquet").exists():
                more = groups if other == "groups" else self.frame(other)
                more = more.drop(c for c in found.columns if c in more.columns and c != "segment")
                found = found.join(more, on="segment", how="left", maintain_order="left")
        return found

    def frame(self, name: str) -> pl.DataFrame:
        """Return a table of the folder, by its name without .parquet."""
        return pl.read_parquet(self._file(f"{name}.parquet"))

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of scores.safetensors; InputError where the head has none."""
        from safetensors import safe_open

        with safe_open(self._file("scores.safetensors"), framework="pt") as stored:
            if name not in stored.keys():  # noqa: SIM118 (it is no mapping)
                raise without_segments(self)
            tensor: Tensor = stored.get_tensor(name)
            return tensor

    def find(self, kind: Literal["user", "item"], value: object) -> int:
        """Return the index of an original id.

        Raises:
            InputError: The id is not here; near ids are named.
        """
        ids = self.users if kind == "user" else self.items
        if value in ids:
            return ids.index(value)
        text, hint = str(value), ""
        if kind == "user":
            hint = (
                "somebody new brings a history: gnnseg assign RUN FILE, or run.recommend({id: "
                "[items]})"
            )
        named = _named(ids, text)
        if named is not None:
            hint = f"that is the name of {kind} {named}"
        elif len(ids) <= SEARCHED and (
            close := difflib.get_close_matches(text, ids.ids.tolist(), n=3)
        ):
            hint = f"did you mean {', '.join(close)}?"
        raise InputError(
            f"{kind} {text!r} is not known to {self.name}{f'; {hint}' if hint else ''}"
        )

    def rows(self, users: Sequence[object]) -> Ints:
        """Return the indices of users' original ids."""
        index = self.users.to_index(users, missing=-1)
        if (index < 0).any():
            self.find("user", users[int((index < 0).argmax())])
        return index

    def _ids(self, kind: str) -> IdMap:
        frame = self.frame("ids").filter(pl.col("kind") == kind).sort("index")
        names = frame["name"]
        as_objects = None if names.null_count() == len(names) else names.to_numpy().astype(object)
        return IdMap(frame["id"].to_numpy().astype(object), as_objects)

    def _file(self, name: str) -> Path:
        path = self.folder.file(name)
        if not path.exists():
            why = "this run's head has none, or it was removed"
            why = why if self.state == "finished" else f"this run is {self.state}"
            raise InputError(f"{path}: not there; {why}.")
        return path


class Answering:
    """The attribute ``stored`` of a run; InputError in a process that lost threads by a fork."""

    def __get__(self, run: Any, owner: type) -> StoredRun:
        processes.refuse_lost_threads()
        stored: StoredRun = run._stored
        return stored


def _named(ids: IdMap, text: str) -> str | None:
    """Return the id of what is called so."""
    if ids.names is None:
        return None
    return next((ids.ids[i] for i, name in enumerate(ids.names) if name and name == text), None)


def without_segments(run: StoredRun, why: str = "segments") -> InputError:
    """Return what is said of a run that has no segments, and how to have some."""
    fitted = bool(run.record["config"].get("baseline"))
    part, head = ("baseline", "posthoc") if fitted else ("head", "segments")
    return InputError(f"{run.name}: its {part} has no {why}; train with head={head}.")
