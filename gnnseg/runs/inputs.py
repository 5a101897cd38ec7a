"""What a model is given: the graph with the ties, attributes and labels that its parts ask for, and
nothing they do not.

Shape legend: U users, I items, F attribute columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import graph as graphs
from gnnseg.config import build, locate
from gnnseg.config.stable import short
from gnnseg.data.atomic import atomic
from gnnseg.data.encoding import Encoding
from gnnseg.data.labels import Labelled
from gnnseg.graph import BipartiteGraph
from gnnseg.models.objectives import LabelObjective
from gnnseg.rng import Rng
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Edges, Features, IdMap, InputError, Pairs, Relation, Shape, Split


@dataclass(frozen=True)
class Inputs:
    """``encoding``: how attributes became ``features``. ``labels``: the users' classes, where a
    part learns them. ``people`` (U,F), ``people_columns``: users' attributes by which the segments
    are described, on the CPU; there too where the model is not given them."""

    graph: BipartiteGraph
    features: Features = field(default_factory=Features)
    encoding: Encoding = field(default_factory=Encoding)
    labels: Labelled | None = None
    people: torch.Tensor | None = None
    people_columns: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Inputs:
        return replace(self, graph=self.graph.to(device), features=self.features.to(device))

    def known(self, device: torch.device) -> torch.Tensor | None:
        """(U,) int64 class of each user, -1 where training is not told it; None where no part asks."""
        return None if self.labels is None else torch.from_numpy(self.labels.known).to(device)

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The names of the attributes' columns by kind ('user', 'item'); a kind without any is not
        there."""
        return {kind: names for kind in ("user", "item") if (names := self.encoding.names(kind))}

    @property
    def shape(self) -> Shape:
        """What components must know of the data to make their parameters."""
        user, item = (
            0 if matrix is None else matrix.shape[1]
            for matrix in (self.features.user, self.features.item)
        )
        counts = self.graph.pattern.degrees()[1].cpu()
        classes = 0 if self.labels is None else len(self.labels.classes)
        relations = {flow.name: (flow.source, flow.target) for flow in self.graph.relations}
        entities = self.graph.entities
        return Shape(
            self.graph.users,
            self.graph.items,
            counts,
            user,
            item,
            relations,
            entities,
            classes=classes,
        )


def of(
    config: Mapping[str, Any], split: Split, train_pairs: Pairs, say: Callable[[str], None]
) -> Inputs:
    """Built from the data. InputError where a part asks for what the set does not have."""
    asked = wanted(config)
    ties = None
    if "social" in asked:
        ties = split.social
        if ties is None or not len(ties):
            raise InputError(
                f"{asked['social']}: needs social ties, and {split.name} has none; give "
                "data.social=FILE, or choose another."
            )
    typed: tuple[Relation, ...] = ()
    if "relations" in asked:
        typed = split.relations
        if not typed:
            raise InputError(
                f"{asked['relations']}: reads typed relations, and {split.name} has none; set "
                "encoder.relations=none, or give some "
                "beside data of your own (data.relations, or relations= of gnnseg.interactions)."
            )
    graph = graph_of(config, split, train_pairs, ties, typed)
    if typed:
        edges = sum(flow.pattern.entries for flow in graph.relations) // 2
        kinds = ", ".join(f"{count:,} of kind {kind}" for kind, count in graph.entities.items())
        say(
            f"relations: {len(graph.relations) // 2}, {edges:,} edges"
            + (f"; entities: {kinds}" if kinds else "")
        )
    if ties is not None:
        say(
            f"social ties: {len(ties):,}; friends are alike beyond strangers by "
            f"{graph.homophily:.0%}"
        )
    for need, lacks in (
        ("log", split.log is None),
        ("propensity", split.log is not None and split.log.propensity is None),
    ):
        if need in asked and lacks:
            what = (
                "a log of what was shown" if need == "log" else "a log with the column propensity"
            )
            raise InputError(
                f"{asked[need]}: needs {what}, and {split.name} has none; give data.log=FILE"
                + (
                    " (data=planted draws one: data.log_events=100000)."
                    if need == "log"
                    else ", or objective.importance=learned."
                )
            )
    if split.log is not None and "log" in asked:
        assert split.log.part is not None
        say(
            f"log: {len(split.log):,} rows, {int((split.log.part == 0).sum()):,} to train; "
            f"{split.log.reward.mean():.4g} a row"
            + (f"; logger {split.notes['logger']}" if "logger" in split.notes else "")
        )
    labels = labels_of(config, split)
    if labels is not None:
        told = labels.account()
        say(
            f"labels {labels.column}: {len(labels.classes)} classes, {told['labelled']:,} users "
            f"labelled, {told['told']:,} told"
        )
    read = "features" in asked
    if not read and not config["head"].get("segments"):
        return Inputs(graph, labels=labels)
    without = () if labels is None else (f"user.{labels.column}",)
    found = build(config["features"]).fit(split, train_pairs, say if read else _silent, without)
    user, item = (
        None if matrix is None else torch.from_numpy(matrix) for matrix in (found.user, found.item)
    )
    given = Inputs(graph, labels=labels, people=user, people_columns=found.encoding.names("user"))
    return replace(given, features=Features(user, item), encoding=found.encoding) if read else given


def _silent(line: str) -> None:
    """Attributes that the model is not given are not announced."""


def labels_of(config: Mapping[str, Any], split: Split) -> Labelled | None:
    """What the term that learns labels is told; None where there is none."""
    asking = [
        (where, node) for where, node in _nodes(config) if "labels" in _wants(config, where, node)
    ]
    if len(asking) > 1:
        raise InputError(
            f"{asking[0][0]} and {asking[1][0]} both learn labels: set one's weight to 0."
        )
    for where, node in asking:
        term: LabelObjective = build({key: value for key, value in node.items() if key != "weight"})
        return term.observe(split.user_table, Rng(int(config["seed"])).child("labels"), where)
    return None


def graph_of(
    config: Mapping[str, Any],
    split: Split,
    train_pairs: Pairs,
    ties: Edges | None,
    typed: tuple[Relation, ...] = (),
) -> BipartiteGraph:
    node = {key: value for key, value in config["graph"].items() if key != "_target_"}
    entities = {kind: len(ids) for kind, ids in split.entities.items()}
    return graphs.build(
        train_pairs, len(split.users), len(split.items), ties, typed, entities, **node
    )


ASKED = ("features", "social", "labels", "relations", "log", "propensity")


def wanted(config: Mapping[str, Any]) -> dict[str, str]:
    """What is asked for beside the interactions (``ASKED``), and which setting asks for it."""
    asked: dict[str, str] = {}
    for where, node in _nodes(config):
        for need in _wants(config, where, node):
            if need in ASKED:
                asked.setdefault(need, f"{where}={short(node['_target_'])}")
    return asked


def _wants(config: Mapping[str, Any], where: str, node: Mapping[str, Any]) -> frozenset[str]:
    target = locate(str(node["_target_"]), where, config["allow"])
    requires: frozenset[str] = target.requires(
        **{key: value for key, value in node.items() if key not in ("_target_", "weight")}
    )
    return requires


def reads(config: Mapping[str, Any]) -> frozenset[str]:
    """What the encoder reads beside the interactions ('features', 'social'): what of somebody new
    can be told."""
    return _wants(config, "encoder", config["encoder"])


def _nodes(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "encoder", config["encoder"]
    yield "objective", config["objective"]
    for name, node in (config["regularisers"] or {}).items():
        if node["weight"] != 0:
            yield f"regularisers.{name}", node


# --- in a run's folder
# ------------------------------------------------------------------------------------------


INTEREST = "interest in "  # how the tensors of classes that shares are derived from are called


def store(folder: RunFolder, inputs: Inputs, split: Split) -> None:
    """What ``restore`` needs beside the pairs: features.json and .safetensors, social.npz,
    relations.npz; none where there is none."""
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
            aside.write_text(
                json.dumps(inputs.encoding.to_json(), ensure_ascii=False, indent=1), "utf-8"
            )
    if inputs.graph.social is not None and split.social is not None:
        with atomic(folder.file("social.npz")) as aside, open(aside, "wb") as handle:
            s = split.social
            np.savez_compressed(handle, source=s.source, target=s.target, weight=s.weight)
    if inputs.graph.relations:
        read = {flow.name for flow in inputs.graph.relations}
        _store_relations(
            folder, [each for each in split.relations if each.name in read], inputs.graph.entities
        )


def restore(path: Path, config: Mapping[str, Any], split: Split) -> Inputs:
    """From a run's folder alone; ``split``: its own pairs."""
    from safetensors.torch import load_file

    folder = RunFolder(path)
    ties, stored = None, folder.file("social.npz")
    if stored.exists():
        with np.load(stored) as arrays:
            ties = Edges(arrays["source"], arrays["target"], arrays["weight"])
    typed, entities = _relations_in(folder)
    split = replace(split, entities={**split.entities, **entities})
    graph = graph_of(config, split, build(config["evaluation"]).training_pairs(split), ties, typed)
    features = folder.file("features.safetensors")
    given = Inputs(graph, labels=_labels_in(folder))
    if not features.exists():
        return given
    tensors = load_file(features)
    return replace(
        given,
        features=Features(tensors.get("user"), tensors.get("item")),
        encoding=encoding_of(path),
    )


def _store_relations(
    folder: RunFolder, relations: list[Relation], entities: Mapping[str, int]
) -> None:
    """relations.npz: arrays by the number of the relation, and what they are as JSON."""
    told = {
        "relations": [[r.name, r.source_kind, r.target_kind] for r in relations],
        "entities": dict(entities),
    }
    arrays = {
        f"{n}.{key}": getattr(r, key)
        for n, r in enumerate(relations)
        for key in ("source", "target", "weight")
    }
    with atomic(folder.file("relations.npz")) as aside, open(aside, "wb") as handle:
        np.savez_compressed(handle, told=np.array(json.dumps(told, ensure_ascii=False)), **arrays)


def _relations_in(folder: RunFolder) -> tuple[tuple[Relation, ...], dict[str, IdMap]]:
    """The relations a run reads, and as many nameless ids of each kind of entity as there are."""
    if not folder.file("relations.npz").exists():
        return (), {}
    with np.load(folder.file("relations.npz"), allow_pickle=False) as stored:
        told = json.loads(str(stored["told"]))
        found = tuple(
            Relation(
                name=name,
                source_kind=source,
                target_kind=target,
                **{key: stored[f"{n}.{key}"] for key in ("source", "target", "weight")},
            )
            for n, (name, source, target) in enumerate(told["relations"])
        )
    ids = {
        kind: IdMap(np.array([str(n) for n in range(count)], dtype=object))
        for kind, count in told["entities"].items()
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


def encoding_of(path: Path) -> Encoding:
    """How a finished run's attributes became numbers, from its folder; empty where it reads none."""
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
    return Encoding.from_json(json.loads(folder.file("features.json").read_text("utf-8")), members)
