"""A finished run as an object: its figures, its segments, what it recommends and why. It speaks
original ids.

Everything comes from the run's folder; the training data and the device it was trained on are not
needed. Shape legend: U users, I items, K segments, B users in a chunk, T length of a list.
"""

from __future__ import annotations

import difflib
import json
import logging
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.data.raw import Raw
from gnnseg.rng import Rng
from gnnseg.runs import export, new_users
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.writer import segments_frame
from gnnseg.sparse import Csr
from gnnseg.types import IdMap, InputError, Pairs, Policy, Scorer, Segmentation, Split, Strings

if TYPE_CHECKING:
    from gnnseg.evaluation.offpolicy import OffPolicyEvaluation
    from gnnseg.models.fold_in import FoldIn

LOG = logging.getLogger("gnnseg")
Seen = Literal["mask", "allow"]
BLOCK_BYTES = 64 << 20  # scores of a chunk of users take at most so much
SEARCHED = 20_000  # ids among which a close one is looked for when an unknown id is asked about
SHOWN = ("test/recall@20", "test/ndcg@20", "segment/segments_per_user")
LISTS = {
    "kind": pl.String, "id": pl.String, "rank": pl.Int64, "item": pl.String, "name": pl.String,
    "score": pl.Float64,
}  # fmt: skip
EXPLAINED = {
    "user": pl.String, "item": pl.String, "name": pl.String, "part": pl.String, "segment": pl.Int64,
    "value": pl.Float64, "share": pl.Boolean,
}  # fmt: skip


class Run:
    """A run's folder, read when asked. ``scorer``: given, or made from the folder on first use."""

    def __init__(self, path: Path | str, scorer: Scorer | None = None) -> None:
        self.path = Path(path).expanduser().absolute()
        self.folder = RunFolder(self.path)
        self.record = self.folder.read_json()
        self._given = scorer

    @classmethod
    def load(cls, path: Path | str) -> Run:
        """InputError where ``path`` is no run folder or the run has not finished."""
        run = cls(path)
        if run.state != "finished":
            raise InputError(
                f"{run.path}: this run is {run.state}, not finished; give its command again to go "
                "on."
            )
        return run

    def __repr__(self) -> str:
        figures = ", ".join(
            f"{name} {self.metrics[name]:.4f}" for name in SHOWN if name in self.metrics
        )
        return f"Run({self.path.name}: {figures or self.state})"

    def _repr_html_(self) -> str:
        """What a notebook shows: figures beside the baselines, and the segments' cards."""
        from gnnseg.report import page

        return page.cell(self.path)

    # --- figures
    # ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return str(self.record.get("state"))

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.record["config"])

    @property
    def metrics(self) -> dict[str, float]:
        """By name; a figure that is not defined (JSON's null) is NaN."""
        return {
            name: float("nan") if value is None else float(value)
            for name, value in self.record["metrics"].items()
        }

    def metric(self, name: str) -> float:
        """One figure. InputError for a name this run does not know, with the names nearest to it."""
        known = self.metrics
        if name not in known:
            close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
            hint = (
                f"did you mean {', '.join(close)}?"
                if close
                else f"it has {', '.join(sorted(known)[:8])} …"
            )
            raise InputError(
                f"{self.path.name}: no metric {name!r}; "
                f"{hint if known else 'this run has none yet.'}"
            )
        return known[name]

    def history(self) -> pl.DataFrame:
        """metrics.jsonl as a frame, a row a line; null where a line has no such figure."""
        path = self.folder.file("metrics.jsonl")
        lines = (
            [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            if path.exists()
            else []
        )
        return pl.DataFrame(lines, infer_schema_length=None)

    # --- segments
    # ---------------------------------------------------------------------------------------------

    @cached_property
    def users(self) -> IdMap:
        return self._ids("user")

    @cached_property
    def items(self) -> IdMap:
        return self._ids("item")

    @property
    def alpha(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(U,K) memberships in index order, rows sum to 1."""
        return self._tensor("alpha").numpy()

    @property
    def beta(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(K,I) in index order, read as ``head.beta`` says."""
        return self._tensor("beta").numpy()

    @property
    def has_segments(self) -> bool:
        return self.folder.file("segments.parquet").exists()

    def segments(self) -> pl.DataFrame:
        """Who is where: user, segment (from 1), alpha_1..alpha_K."""
        return self._frame("segments")

    def groups(self) -> pl.DataFrame:
        """The segments themselves: segment, size, effective_size, share, group, prototype."""
        return self._frame("groups")

    def cards(self) -> pl.DataFrame:
        """What is telling of each segment: segment, rank, item, name, share, base, lift, support."""
        return self._frame("cards")

    def labels(self) -> pl.DataFrame:
        """The known classes and those carried to everyone: user, label (null: not known), told,
        predicted, probability.

        InputError for a run that learned no labels.
        """
        if not self.folder.file("labels.parquet").exists() and self.state == "finished":
            raise InputError(
                f"{self.path.name}: learned no labels; train with regularisers.labels.weight above "
                "0."
            )
        return self._frame("labels")

    def profiles(self) -> pl.DataFrame:
        """What is telling of each segment's people: segment, rank, attribute, mean, base,
        difference, support."""
        return self._frame("profiles")

    def attributes(self) -> pl.DataFrame:
        """What each attribute does (encoder=linear): kind, attribute, deviation, weight,
        segment_1..segment_K."""
        return self._frame("attributes")

    # --- recommendations
    # --------------------------------------------------------------------------------------

    @cached_property
    def scorer(self) -> Scorer:
        if self._given is not None:
            return self._given
        from gnnseg.runs.train import scorer_of

        return scorer_of(self.path)

    def recommend(
        self,
        who: Any,
        k: int = 20,
        seen: Seen = "mask",
        *,
        only: Iterable[object] | None = None,
        exclude: Iterable[object] | None = None,
        users: Any = None,
        social: Any = None,
    ) -> pl.DataFrame:
        """The k best items of each user, by score and then by item number: kind 'user', id, rank,
        item, name, score.

        ``who``: an id, several, or the histories of people who were not in training, as ``assign``
        takes them with their ``users`` and ``social``. ``seen='mask'`` leaves out every item the
        user met in any part; ``only`` and ``exclude`` are item ids (what is in stock, what may be
        shown). A user with fewer items left gets a shorter list.
        """
        lists = self.stream(who, k, seen, only=only, exclude=exclude, users=users, social=social)
        return pl.concat([pl.DataFrame(schema=LISTS), *lists])

    def stream(
        self,
        who: Any = None,
        k: int = 20,
        seen: Seen = "mask",
        *,
        only: Iterable[object] | None = None,
        exclude: Iterable[object] | None = None,
        users: Any = None,
        social: Any = None,
    ) -> Iterator[pl.DataFrame]:
        """``recommend`` in pieces of bounded memory; None: every user of the run."""
        k = _at_least_one(k)
        if seen not in ("mask", "allow"):
            raise InputError(f"seen={seen}: it is mask (leave out what a user has met) or allow.")
        barred = self._barred(only, exclude)
        new = users is not None or social is not None
        asked = _ids(who)
        if asked is not None or (who is None and not new):
            if new:
                raise InputError(
                    "users and social tell of people who were not in training: give their "
                    "histories, {'anna': []} where "
                    "there are none, in place of ids of the run's users."
                )
            rows = torch.arange(len(self.users)) if asked is None else self._rows(asked)
            yield from self._lists(
                self.scorer, rows, self.users.ids, k, self._seen if seen == "mask" else None, barred
            )
            return
        for part in new_users.read(who, self.known, users, social).parts():
            count, p = len(part.ids), part.pairs
            mask = Csr.of(p.user, p.item, (count, len(self.items))) if seen == "mask" else None
            yield from self._lists(
                self._facing(part), torch.arange(count), part.ids, k, mask, barred
            )

    @cached_property
    def fold_in(self) -> FoldIn:
        """What embeds users who were not in training."""
        from gnnseg.runs.train import fold_in_of

        return fold_in_of(self.path, self.split())

    def assign(self, histories: Any, users: Any = None, social: Any = None) -> pl.DataFrame:
        """Segments of people who were not in training: user, segment, alpha_1..alpha_K.

        ``histories``: what they have met, {'anna': ['50', '181'], …} by item ids, a table with
        columns user, item[, weight, time, spend], or what ``gnnseg.interactions`` makes of any
        other; {'anna': []} or None where nothing is known. An event without a weight weighs as
        training's do on average. ``users``: their attributes, a table by a column ``id`` or its
        first, of the columns the run was trained on; ``social``: their friends among the run's
        users, a table of user, user[, weight]. Who stands in one of the three alone is assigned
        too. Nothing is trained again and nobody else's scores move. What the run does not know
        (items, columns, friends) is counted in the log and left out; somebody of whom nothing is
        known is an average user. What they would like: ``recommend(histories, users=users,
        social=social)``.
        """
        found = []
        for part in new_users.read(histories, self.known, users, social).parts():
            scorer = self._facing(part)
            if not isinstance(scorer, Segmentation):
                raise InputError(
                    f"{self.path.name}: its head has no segments; train with head=segments."
                )
            with torch.no_grad():
                found.append(segments_frame(part.ids, scorer.memberships(None)))
        return pl.concat(found)

    @cached_property
    def known(self) -> new_users.Known:
        """What of somebody new can be read."""
        from gnnseg.runs import inputs

        config, encoding, train = self.config, inputs.encoding_of(self.path), self.split().train
        usual = float(train.weight.sum() / max(train.count.sum(), 1))
        return new_users.Known(
            self.path.name, self.users, self.items, encoding, inputs.reads(config), usual
        )

    def _facing(self, part: new_users.NewUsers) -> Scorer:
        """The run's items before newcomers."""
        return self.fold_in.scorer(
            part.pairs, len(part.ids), part.attributes(self.known.encoding), part.friends
        )

    @torch.no_grad()
    def recommend_segment(self, segment: int, k: int = 20) -> pl.DataFrame:
        """What a segment (from 1) wants beyond what everyone wants: kind 'segment', id, rank, item,
        name, score.

        With m_j = sum_k mean_i(alpha_ik) beta_kj, what everyone wants, the score is beta_kj
        log(beta_kj / m_j): the item's part of the divergence (Kullback & Leibler 1951) between the
        segment's taste and everyone's. An item is high when the segment wants it much *and* more
        than others do: lift beta_kj/m_j alone would put rarities first, beta_kj alone what everyone
        wants. Where beta is real-valued (affinity) it is the difference beta_kj - m_j. Ties by item
        number.
        """
        from gnnseg.evaluation import segments

        k = _at_least_one(k)
        alpha, beta = self._tensor("alpha"), self._tensor("beta")
        if segment not in range(1, len(beta) + 1):
            raise InputError(f"segment {segment}: {self.path.name} has segments 1 to {len(beta)}.")
        best = segments.beyond(alpha, beta)[segment - 1].sort(descending=True, stable=True)
        return self._long("segment", [str(segment)], best.indices[None, :k], best.values[None, :k])

    def write(
        self, frames: pl.DataFrame | Iterator[pl.DataFrame], out: Path | str, *, excel: bool = False
    ) -> Path:
        """A frame, or a stream of them, as .parquet, .csv or .jsonl by the name's ending; where it
        stands.

        Written aside and renamed: a file that stands there is whole. ``excel``: a CSV that Excel
        opens as UTF-8.
        """
        return export.write(
            iter([frames]) if isinstance(frames, pl.DataFrame) else frames, out, excel=excel
        )

    @torch.no_grad()
    def explain(self, user: str, item: str) -> pl.DataFrame:
        """Why this item for this user: user, item, name, part, segment, value, share; the largest
        segments first.

        Rows 'segment k': where ``share``, parts of rec_ij that sum to 1 (distribution, membership,
        and hybrid's segment part), else signed parts of the logit (affinity), which add up to the
        'score' together with the item's 'bias'. hybrid: 'segments' and 'personal' are the two parts
        of the logit. 'score' is the logit itself.
        """
        rows = torch.tensor([self._find("user", user)]), torch.tensor([self._find("item", item)])
        scorer = self.scorer
        if not isinstance(scorer, Segmentation):
            raise InputError(
                f"{self.path.name}: its head has no segments to explain by; train with "
                "head=segments."
            )
        why = scorer.explain(*rows)
        values = why.segments[0].double()
        order = values.abs().argsort(descending=True, stable=True).tolist()
        found = [(f"segment {k + 1}", k + 1, float(values[k]), why.shares) for k in order]
        apart = {"bias" if why.personal is None else "segments": why.bias, "personal": why.personal}
        apart["score"] = scorer.pairs(*rows)
        found += [
            (part, None, float(value[0]), False)
            for part, value in apart.items()
            if value is not None
        ]
        who = (
            self.users.ids[int(rows[0])],
            self.items.ids[int(rows[1])],
            self.items.name(int(rows[1])),
        )
        return pl.DataFrame([(*who, *part) for part in found], schema=EXPLAINED, orient="row")

    # --- evaluation
    # -------------------------------------------------------------------------------------------

    def evaluate(
        self,
        part: Literal["valid", "test"] = "test",
        *,
        protocol: str | None = None,
        seen: str | None = None,
        ks: Sequence[int] | None = None,
    ) -> pl.DataFrame:
        """Judge the stored scores anew: metric, value, protocol, seen. None: as the run was judged.

        A run trained under ``paper`` has seen the validation pairs, so that ``paper`` and the
        others do not change places without training again.
        """
        from gnnseg.evaluation import evaluator
        from gnnseg.evaluation.protocol import Protocol

        if part not in ("valid", "test"):
            raise InputError(f"part={part}: it is valid or test.")
        was = {key: value for key, value in self.config["evaluation"].items() if key != "_target_"}
        asked = was | {
            k: v for k, v in (("protocol", protocol), ("seen", seen), ("ks", ks)) if v is not None
        }
        allowed = {"protocol": ("clean", "paper", "train-mask"), "seen": ("mask", "allow")}
        for key, values in allowed.items():
            if asked[key] not in values:
                raise InputError(
                    f"evaluation.{key}={asked[key]}: it is one of {', '.join(values)}."
                )
        if (asked["protocol"] == "paper") != (was["protocol"] == "paper"):
            raise InputError(
                f"{self.path.name}: trained under evaluation.protocol={was['protocol']}, which "
                "cannot be judged as "
                f"{asked['protocol']}; train again with evaluation.protocol={asked['protocol']}."
            )
        rules = Protocol(**{**asked, "ks": [int(k) for k in asked["ks"]]})
        split = self.split()
        if part == "valid" and rules.protocol == "paper":
            raise InputError(
                f"{self.path.name}: under evaluation.protocol=paper validation is part of the "
                "training."
            )
        task = rules.test_task(split) if part == "test" else rules.valid_task(split)
        found = evaluator.rank(
            self.scorer, task, rules, rules.training_pairs(split), torch.device("cpu")
        ).metrics
        return pl.DataFrame(
            [
                (f"{part}/{name}", value, rules.protocol, rules.seen)
                for name, value in found.items()
            ],
            schema={
                "metric": pl.String,
                "value": pl.Float64,
                "protocol": pl.String,
                "seen": pl.String,
            },
            orient="row",
        )

    def offpolicy(
        self,
        log: Any,
        *,
        seen: Literal["mask", "allow"] | None = None,
        cap: float | None = None,
        switch: float | None = None,
        decimal: Literal["point", "comma"] | None = None,
    ) -> OffPolicyEvaluation:
        """What the served policy would have earned, from a log of what somebody else's policy
        showed.

        ``log``: a file, or a table, a row an item shown: user, item, propensity (the probability
        that this item was shown at this position), reward[, slate, position]. ``seen``: mask leaves
        out what users have taken (less what the log shows them), allow does not; None: as the run
        was judged. ``cap``: estimates with smaller weights too; ``switch``: tau of Switch-DR;
        ``decimal``: of columns of text, where only it tells how they are read. InputError with the
        row for a log that cannot be used.
        """
        from gnnseg.data import logs
        from gnnseg.data.tables import files, frames
        from gnnseg.data.tables.formats import Sheet
        from gnnseg.evaluation import offpolicy

        if not isinstance(self.scorer, Policy):
            raise InputError(
                f"{self.path.name}: its head says no probabilities; train with head=segments "
                "head.beta=distribution."
            )
        for name, value in (("cap", cap), ("switch", switch)):
            if value is not None and not value > 0:
                raise InputError(f"{name}={value}: must be above 0.")
        seen = self.config["evaluation"]["seen"] if seen is None else seen
        if seen not in ("mask", "allow"):
            raise InputError(f"seen={seen!r}: it is 'mask' or 'allow'.")
        if decimal not in (None, "point", "comma"):
            raise InputError(f"decimal={decimal!r}: it is 'point' or 'comma'.")
        sheet = (
            files.table(Path(log))
            if isinstance(log, str | Path)
            else Sheet(Path("log"), frames.read(log, "log"), 1, unit="row")
        )

        def unknown(kind: str, id: str, row: int, count: int) -> None:
            raise InputError(
                f"{sheet.where(row)}: {kind} {id!r} is not known to {self.path.name} ({count:,} "
                "rows have one that is not); "
                "leave such rows out."
            )

        found, _ = logs.index(
            logs.read(sheet, propensity=True, decimal=decimal), self.users, self.items, unknown
        )
        barred = offpolicy.excluded(self._seen, found) if seen == "mask" else None
        return offpolicy.evaluate(
            self.scorer, found, barred, Rng(int(self.config["seed"])), switch=switch, cap=cap
        )

    def split(self) -> Split:
        """The pairs of the three parts as they were split, with weights, numbers of events, and
        spend; times stay with the data."""
        stored = {name: column for name, column in self._pairs.items() if name != "part"}
        parts = {}
        for number, name in enumerate(("train", "valid", "test")):
            at = self._pairs["part"] == number
            parts[name] = Pairs(**{column: values[at] for column, values in stored.items()})
        name = str(self.record["data"]["name"])
        return Split(
            name=name,
            users=self.users,
            items=self.items,
            train=parts["train"],
            valid=parts["valid"],
            test=parts["test"],
        )

    # --- what stands in the folder
    # ----------------------------------------------------------------------------

    @cached_property
    def _pairs(self) -> dict[str, np.ndarray[Any, Any]]:
        with np.load(self._file("seen.npz")) as stored:
            found = {name: stored[name] for name in stored.files}
        return {
            "count": np.ones(len(found["user"]), dtype=np.int64),
            **found,
        }  # folders of old have no count

    @cached_property
    def _seen(self) -> Csr:
        users, items = len(self.users), len(self.items)
        key = np.unique(self._pairs["user"] * items + self._pairs["item"])
        return Csr.of(key // items, key % items, (users, items))

    @property
    def _chunk(self) -> int:
        return max(1, min(4096, BLOCK_BYTES // (4 * max(1, len(self.items)))))

    def _lists(
        self,
        scorer: Scorer,
        rows: Tensor,
        ids: Strings,
        k: int,
        mask: Csr | None,
        barred: Tensor | None,
    ) -> Iterator[pl.DataFrame]:
        from gnnseg.evaluation import ranking

        for part in _pieces(rows, self._chunk):
            with torch.no_grad():
                items, scores = ranking.topk(scorer, part, min(k, len(self.items)), mask, barred)
            yield self._long("user", ids[part.numpy()].tolist(), items, scores)

    def _rows(self, users: Sequence[object]) -> Tensor:
        index = self.users.to_index(users, missing=-1)
        if (index < 0).any():
            self._find("user", users[int((index < 0).argmax())])
        return torch.from_numpy(index)

    def _barred(
        self, only: Iterable[object] | None, exclude: Iterable[object] | None
    ) -> Tensor | None:
        """(I,) which items may not be shown. Ids the run does not know bar nothing, and are counted
        in the log."""
        if only is None and exclude is None:
            return None
        barred = torch.zeros(len(self.items), dtype=torch.bool)
        if only is not None:
            barred[:] = True
            barred[self._listed("only", only)] = False
        if exclude is not None:
            barred[self._listed("exclude", exclude)] = True
        if bool(barred.all()):
            raise InputError(f"only and exclude leave no item of {self.path.name}.")
        return barred

    def _listed(self, what: str, given: Iterable[object]) -> list[int]:
        """The indices of a list of item ids."""
        listed = _ids(given)
        if listed is None:
            raise InputError(f"{what}: is a {type(given).__name__}; give a list of item ids.")
        index = self.items.to_index(listed, missing=-1)
        unknown = [item for item, at in zip(listed, index, strict=True) if at < 0]
        if what == "only" and len(unknown) == len(listed):
            raise InputError(
                f"only: none of its {len(listed):,} items is known to {self.path.name}; check the "
                "ids."
            )
        if unknown:
            counts = f"{len(unknown):,} of {len(listed):,} items"
            LOG.info(
                "%s: %s are not known to %s (first: %s)", what, counts, self.path.name, unknown[0]
            )
        return list(index[index >= 0])

    def _long(self, kind: str, ids: Sequence[str], items: Tensor, scores: Tensor) -> pl.DataFrame:
        """(B,T) lists, a row an item; padding (-1) is left out."""
        length = items.shape[1]
        flat = items.numpy().ravel()
        names = self.items.ids if self.items.names is None else self.items.names
        columns = {
            "kind": [kind] * len(flat),
            "id": np.repeat(np.asarray(ids, dtype=object), length).tolist(),
            "rank": np.tile(np.arange(1, length + 1), len(ids)),
            "item": self.items.ids[flat].tolist(),
            "name": names[flat].tolist(),
            "score": scores.double().numpy().ravel(),
        }
        frame = pl.DataFrame(columns, schema=LISTS).with_columns(name=pl.coalesce("name", "item"))
        return frame.filter(pl.Series(flat >= 0, dtype=pl.Boolean))

    def _ids(self, kind: str) -> IdMap:
        frame = self._frame("ids").filter(pl.col("kind") == kind).sort("index")
        names = frame["name"]
        as_objects = None if names.null_count() == len(names) else names.to_numpy().astype(object)
        return IdMap(frame["id"].to_numpy().astype(object), as_objects)

    def _find(self, kind: Literal["user", "item"], value: object) -> int:
        """The index of an original id; InputError in one sentence, with near ids, for one that is
        not here."""
        ids = self.users if kind == "user" else self.items
        if value in ids:
            return ids.index(value)
        new = (
            "somebody new brings a history: gnnseg assign RUN FILE, or run.recommend({id: [items]})"
        )
        text, hint = str(value), new if kind == "user" else ""
        if ids.names is not None and (
            named := [i for i, name in enumerate(ids.names) if name and name == text]
        ):
            hint = f"that is the name of {kind} {ids.ids[named[0]]}"
        elif len(ids) <= SEARCHED and (
            close := difflib.get_close_matches(text, ids.ids.tolist(), n=3)
        ):
            hint = f"did you mean {', '.join(close)}?"
        raise InputError(
            f"{kind} {text!r} is not known to {self.path.name}{f'; {hint}' if hint else ''}"
        )

    def _file(self, name: str) -> Path:
        path = self.folder.file(name)
        if not path.exists():
            why = (
                f"this run is {self.state}"
                if self.state != "finished"
                else "this run's head has none, or it was removed"
            )
            raise InputError(f"{path}: not there; {why}.")
        return path

    def _frame(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self._file(f"{name}.parquet"))

    def _tensor(self, name: str) -> Tensor:
        from safetensors import safe_open

        with safe_open(self._file("scores.safetensors"), framework="pt") as stored:
            if name not in stored.keys():  # noqa: SIM118 (it is no mapping)
                raise InputError(
                    f"{self.path.name}: its head has no segments; train with head=segments."
                )
            tensor: Tensor = stored.get_tensor(name)
            return tensor


def _ids(given: Any) -> list[object] | None:
    """One id, or several in a row, as a list; None: something else, such as histories."""
    if isinstance(given, str | int | np.integer):
        return [given]
    table = isinstance(given, Mapping | pl.LazyFrame | Raw | new_users.NewUsers) or hasattr(
        given, "columns"
    )
    return None if table or not isinstance(given, Iterable) else list(given)


def _pieces(rows: Tensor, length: int) -> Iterator[Tensor]:
    for at in range(0, len(rows), length):
        yield rows[at : at + length]


def _at_least_one(k: Any) -> int:
    try:
        whole = operator.index(k)
    except TypeError:
        raise InputError(f"k={k!r}: must be a whole number.") from None
    if whole < 1:
        raise InputError(f"k={whole}: a list has at least 1 item.")
    return whole
