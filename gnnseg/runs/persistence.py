"""What a model was given, in a run's folder: written, and read back from there alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import records
from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data import repeats, visits
from gnnseg.data.atomic import atomic
from gnnseg.data.encoding import Encoding
from gnnseg.data.labels import Labelled
from gnnseg.data.resampling import copies, thinned_visits
from gnnseg.data.values import Bools
from gnnseg.evaluation.protocol import Protocol
from gnnseg.rng import Rng
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.inputs import Inputs, graph_of, with_past
from gnnseg.types import (
    Edges,
    Features,
    Floats,
    IdMap,
    InputError,
    Interactions,
    Ints,
    Pairs,
    Relation,
    Split,
)

INTEREST = "interest in "  # how the tensors of classes that shares are derived from are called


def store(folder: RunFolder, inputs: Inputs, split: Split, protocol: Protocol) -> None:
    """Write what ``restore`` needs beside the pairs, as far as there is any.

    features.json and .safetensors, people.npz, social.npz, relations.npz, habits.npz.
    """
    from safetensors.torch import save_file

    found = {
        kind: value.cpu()
        for kind in ("user", "item")
        if (value := getattr(inputs.features, kind)) is not None
    }
    if found:
        found |= {
            f"{INTEREST}{name}": torch.from_numpy(each.member)
            for name, each in inputs.encoding.interests.items()
        }
        with atomic(folder.file("features.safetensors")) as aside:
            save_file(found, aside)
        with atomic(folder.file("features.json")) as aside:
            aside.write_text(records.text(inputs.encoding.to_json(), indent=1), "utf-8")
    _store_people(folder, inputs)
    if inputs.visits is not None:
        store_visits(folder, inputs, protocol.held_out_visits(split))
    if inputs.graph.social is not None and split.social is not None:
        s = split.social
        ties = {"source": s.source, "target": s.target, "weight": s.weight}
        folder.write_arrays("social.npz", ties)
    if inputs.graph.relations:
        read = {each.name for each in inputs.graph.relations}
        _store_relations(
            folder, [each for each in split.relations if each.name in read], inputs.graph.entities
        )


def store_visits(folder: RunFolder, inputs: Inputs, held_out: Interactions | None = None) -> None:
    """Write habits.npz: the items of training's visits, then of the others, and r of each item."""
    trained, past = inputs.visits, inputs.graph.past
    assert trained is not None, "a head without habits keeps no visits"
    assert past is not None
    both = [trained] if held_out is None else [trained, held_out]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in both])
        for name in ("user", "item", "time")
        if getattr(trained, name) is not None
    }
    columns["trained"] = np.arange(len(columns["user"])) < len(trained)
    if past.again is not None:
        columns["again"] = repeats.of_items(trained, inputs.graph.items)
    folder.write_arrays("habits.npz", columns)


@dataclass(frozen=True)
class Beside:
    """What stands beside the pairs in a run's folder, as far as there is any.

    ``ties``; ``relations``, with as many nameless ids of each kind of ``entities``; ``features``,
    with the ``encoding`` they were made by; ``labels``; ``visits``, where the head learns habits,
    and whether items that are taken again more often count for more (``repeats``);
    ``people`` and ``people_columns``: attributes that describe the segments, as in ``Inputs``.
    """

    ties: Edges | None = None
    relations: tuple[Relation, ...] = ()
    entities: Mapping[str, IdMap] = field(default_factory=dict)
    features: Features = field(default_factory=Features)
    encoding: Encoding = field(default_factory=Encoding)
    labels: Labelled | None = None
    visits: Interactions | None = None
    repeats: bool = True
    people: torch.Tensor | None = None
    people_columns: tuple[str, ...] = ()

    def of(self, people_U: Ints) -> Beside:
        """Return the same of a sample of the users (``data.resampling``).

        Who was drawn twice has two rows, each with all of that person's ties and edges.
        """

        def expanded(edges: Any, ends: tuple[str, ...]) -> Any:
            for end in ends:
                source, row = copies(getattr(edges, end), people_U)
                others = {
                    name: getattr(edges, name)[source] for name in ("source", "target", "weight")
                }
                edges = replace(edges, **{**others, end: row})
            return edges

        def users_of(edges: Relation) -> tuple[str, ...]:
            kinds = {"source": edges.source_kind, "target": edges.target_kind}
            return tuple(end for end, kind in kinds.items() if kind == "user")

        user, people, labels = self.features.user, self.people, self.labels
        return replace(
            self,
            ties=None if self.ties is None else expanded(self.ties, ("source", "target")),
            relations=tuple(expanded(each, users_of(each)) for each in self.relations),
            visits=None if self.visits is None else _copied(self.visits, people_U),
            features=replace(
                self.features, user=None if user is None else user[torch.from_numpy(people_U)]
            ),
            people=None if people is None else people[torch.from_numpy(people_U)],
            labels=None
            if labels is None
            else replace(labels, label=labels.label[people_U], observed=labels.observed[people_U]),
        )

    def thinned(self, pairs: Pairs, kept: Pairs, items: int, rng: Rng) -> Beside:
        """Return the same with the visits that stay with what is kept of the training pairs."""
        if self.visits is None:
            return self
        return replace(self, visits=thinned_visits(self.visits, pairs, kept, items, rng))

    def inputs(self, config: Mapping[str, Any], split: Split, train_pairs: Pairs) -> Inputs:
        """Return what a model is given: these, and the graph of the training pairs."""
        split = replace(split, entities={**split.entities, **self.entities})
        graph = graph_of(config, split, train_pairs, self.ties, self.relations)
        given = Inputs(
            graph, self.features, self.encoding, self.labels, self.people, self.people_columns
        )
        if self.visits is None:
            return given
        apart = visits.within(self.visits, train_pairs, len(split.items))
        graph = with_past(graph, apart, repeats=self.repeats)
        return replace(given, graph=graph, visits=apart)


def _copied(apart: Interactions, people_U: Ints) -> Interactions:
    """Return the visits of a sample of the users, by (user, time, item)."""
    source, row = copies(apart.user, people_U)
    return visits.of(replace(apart.rows(source), user=row))


def beside(path: Path) -> Beside:
    """Return what stands beside the pairs in a run's folder."""
    from safetensors.torch import load_file

    folder = RunFolder(path)
    ties, stored = None, folder.file("social.npz")
    if stored.exists():
        with np.load(stored) as arrays:
            ties = Edges(arrays["source"], arrays["target"], arrays["weight"])
    typed, entities = _relations_in(folder)
    found = Beside(
        ties, typed, entities, labels=_labels_in(folder), visits=visits_in(path),
        repeats=again_in(path) is not None,
    )  # fmt: skip
    features = folder.file("features.safetensors")
    people, names = _people_in(folder)
    found = replace(found, people=people, people_columns=names)
    if not features.exists():
        return found
    tensors, encoding = load_file(features), encoding_of(path)
    matrices = Features(tensors.get("user"), tensors.get("item"))
    return replace(
        found, features=matrices, encoding=encoding, people=matrices.user,
        people_columns=encoding.names("user"),
    )  # fmt: skip


def restore(path: Path, config: Mapping[str, Any], split: Split) -> Inputs:
    """Return what a run's model was given, from its folder alone; ``split``: its own pairs."""
    protocol = build(config["evaluation"], parts(config, "metrics"))
    return beside(path).inputs(config, split, protocol.training_pairs(split))


def visits_in(path: Path) -> Interactions | None:
    """Return the items of visits that a run was trained on; None of a head without habits."""
    found = stored_visits(path)
    return None if found is None else found[0].rows(found[1])


def again_in(path: Path) -> Floats | None:
    """Return each item's repeat propensity, (I,); None where visits of all items weigh alike."""
    stored = RunFolder(path).file("habits.npz")
    if not stored.exists():
        return None
    with np.load(stored) as arrays:
        found: Floats | None = arrays["again"] if "again" in arrays.files else None
        return found


def all_visits_in(path: Path) -> Interactions | None:
    """Return the items of the visits of all parts; None of a head without habits.

    Raises:
        InputError: The folder is of before, and holds those of training alone.
    """
    found = stored_visits(path)
    if found is None:
        return None
    if found[1].all():
        raise InputError(
            f"{path.name}: its folder holds the visits of training alone; train it again, which "
            "stores those of validation and test too."
        )
    return visits.join([found[0]])


def encoding_of(path: Path) -> Encoding:
    """Return how a finished run's attributes became numbers; empty where it reads none."""
    from safetensors import safe_open

    folder = RunFolder(path)
    if not folder.file("features.json").exists():
        return Encoding()
    with safe_open(folder.file("features.safetensors"), framework="numpy") as stored:
        members = {
            name.removeprefix(INTEREST): stored.get_tensor(name)
            for name in stored.keys()  # noqa: SIM118 (it is no mapping)
            if name.startswith(INTEREST)
        }
    return Encoding.from_json(
        records.parsed(folder.file("features.json").read_text("utf-8")), members
    )


def _store_people(folder: RunFolder, inputs: Inputs) -> None:
    """Write people.npz: attributes by which segments are described where the model reads none."""
    if inputs.people is None or inputs.features.user is not None:
        return
    columns = np.array(inputs.people_columns, dtype=str)
    people = {"people": inputs.people.cpu().numpy(), "columns": columns}
    folder.write_arrays("people.npz", people)


def _people_in(folder: RunFolder) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return what ``_store_people`` wrote; None of a folder that has none."""
    if not folder.file("people.npz").exists():
        return None, ()
    with np.load(folder.file("people.npz")) as stored:
        columns = tuple(str(each) for each in stored["columns"])
        return torch.from_numpy(stored["people"]), columns


def stored_visits(path: Path) -> tuple[Interactions, Bools] | None:
    """Return the items of visits, and which are trained on; of a folder of before all."""
    stored = RunFolder(path).file("habits.npz")
    if not stored.exists():
        return None
    with np.load(stored) as arrays:
        time = arrays["time"] if "time" in arrays.files else None
        found = Interactions(arrays["user"], arrays["item"], time=time)
        every = np.ones(len(found), dtype=bool)
        return found, arrays["trained"] if "trained" in arrays.files else every


def _store_relations(
    folder: RunFolder, relations: list[Relation], entities: Mapping[str, int]
) -> None:
    """Write relations.npz: arrays by the number of the relation, and what they are as JSON."""
    about = {
        "relations": [[r.name, r.source_kind, r.target_kind] for r in relations],
        "entities": dict(entities),
    }
    arrays = {
        f"{n}.{key}": getattr(r, key)
        for n, r in enumerate(relations)
        for key in ("source", "target", "weight")
    }
    arrays["told"] = np.array(json.dumps(about, ensure_ascii=False))
    folder.write_arrays("relations.npz", arrays)


def _relations_in(folder: RunFolder) -> tuple[tuple[Relation, ...], dict[str, IdMap]]:
    """Return the relations a run reads, and as many nameless ids of each kind of entity."""
    if not folder.file("relations.npz").exists():
        return (), {}
    with np.load(folder.file("relations.npz"), allow_pickle=False) as stored:
        about = json.loads(str(stored["told"]))
        found = tuple(
            Relation(
                name=name,
                source_kind=source_kind,
                target_kind=target_kind,
                **{key: stored[f"{n}.{key}"] for key in ("source", "target", "weight")},
            )
            for n, (name, source_kind, target_kind) in enumerate(about["relations"])
        )
    ids = {
        kind: IdMap(np.array([str(n) for n in range(count)], dtype=object))
        for kind, count in about["entities"].items()
    }
    return found, ids


def _labels_in(folder: RunFolder) -> Labelled | None:
    import polars as pl

    if not folder.file("labels.parquet").exists():
        return None
    stored, frame = (
        folder.read_json()["data"]["labels"],
        pl.read_parquet(folder.file("labels.parquet")),
    )
    place = {name: at for at, name in enumerate(stored["classes"])}
    label = np.array(
        [-1 if name is None else place[name] for name in frame["label"]], dtype=np.int64
    )
    return Labelled(stored["column"], tuple(stored["classes"]), label, frame["told"].to_numpy())
