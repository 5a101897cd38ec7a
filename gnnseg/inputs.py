"""What a model is given: the graph with the ties, attributes and labels that its parts ask for, and nothing they do not.

Shape legend: U users, I items, F attribute columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import graph as graphs
from gnnseg.config import build, locate
from gnnseg.folder import RunFolder, atomic
from gnnseg.graph import BipartiteGraph
from gnnseg.types import Edges, Features, InputError, Pairs, Shape, Split


@dataclass(frozen=True)
class Inputs:
    """``columns``: the names of the attributes' columns by kind ('user', 'item'). ``labels`` (U,): each user's class, -1 where
    training does not know it; ``classes``: their names. ``people`` (U,F), ``people_columns``: users' attributes by which the
    segments are described, on the CPU; there too where the model is not given them."""

    graph: BipartiteGraph
    features: Features = field(default_factory=Features)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: torch.Tensor | None = None
    classes: tuple[str, ...] = ()
    people: torch.Tensor | None = None
    people_columns: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Inputs:
        return replace(
            self,
            graph=self.graph.to(device),
            features=self.features.to(device),
            labels=None if self.labels is None else self.labels.to(device),
        )

    @property
    def shape(self) -> Shape:
        """What components must know of the data to make their parameters."""
        user, item = (0 if matrix is None else matrix.shape[1] for matrix in (self.features.user, self.features.item))
        counts = self.graph.pattern.degrees()[1].cpu()
        return Shape(self.graph.users, self.graph.items, counts, user, item, classes=len(self.classes))


def of(config: Mapping[str, Any], split: Split, fitted: Pairs, say: Callable[[str], None]) -> Inputs:
    """Built from the data. InputError where a part asks for what the set does not have."""
    asked = wanted(config)
    ties = None
    if "social" in asked:
        ties = split.social
        if ties is None or not len(ties):
            raise InputError(
                f"{asked['social']}: needs social ties, and {split.name} has none; give data.social=FILE, or choose another."
            )
    graph = graph_of(config, split, fitted, ties)
    if ties is not None:
        say(f"social ties: {len(ties):,}; friends are alike beyond strangers by {graph.homophily:.0%}")
    read = "features" in asked
    if not read and not config["head"].get("segments"):
        return Inputs(graph)
    told = say if read else _silent
    found = dict(zip(("user", "item"), build(config["features"]).build(split, fitted, told), strict=True))
    columns = {kind: encoded.names for kind, encoded in found.items() if encoded is not None}
    features = Features(**{k: None if e is None else torch.from_numpy(e.matrix) for k, e in found.items()})
    people = {"people": features.user, "people_columns": columns.get("user", ())}
    return Inputs(graph, features, columns, **people) if read else Inputs(graph, **people)


def _silent(line: str) -> None:
    """Attributes that the model is not given are not announced."""


def graph_of(config: Mapping[str, Any], split: Split, fitted: Pairs, ties: Edges | None) -> BipartiteGraph:
    node = {key: value for key, value in config["graph"].items() if key != "_target_"}
    return graphs.build(fitted, len(split.users), len(split.items), ties=ties, **node)


def wanted(config: Mapping[str, Any]) -> dict[str, str]:
    """What is asked for beside the interactions ('features', 'social', 'labels'), and which setting asks for it."""
    asked: dict[str, str] = {}
    for where, node in _nodes(config):
        target = locate(str(node["_target_"]), where, config["allow"])
        settings = {key: value for key, value in node.items() if key != "_target_"}
        for need in target.wants(**settings) if where == "encoder" else target.needs:
            if need in ("features", "social", "labels"):
                asked.setdefault(need, f"{where}={node['_target_'].rsplit('.', 1)[-1].lower()}")
    return asked


def _nodes(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "encoder", config["encoder"]
    yield "objective", config["objective"]
    for name, node in (config["regularisers"] or {}).items():
        if node["weight"] != 0:
            yield f"regularisers.{name}", node


# --- in a run's folder ------------------------------------------------------------------------------------------


def store(folder: RunFolder, inputs: Inputs, split: Split) -> None:
    """What ``restore`` needs beside the pairs: features.safetensors, social.npz; neither where there is none."""
    from safetensors.torch import save_file

    found = {kind: value.cpu() for kind in ("user", "item") if (value := getattr(inputs.features, kind)) is not None}
    if found:
        with atomic(folder.file("features.safetensors")) as aside:
            save_file(found, aside)
    if inputs.graph.social is not None and split.social is not None:
        with atomic(folder.file("social.npz")) as aside, open(aside, "wb") as handle:
            s = split.social
            np.savez_compressed(handle, source=s.source, target=s.target, weight=s.weight)


def restore(path: Path, config: Mapping[str, Any], split: Split) -> Inputs:
    """From a run's folder alone; ``split``: its own pairs."""
    from safetensors.torch import load_file

    folder = RunFolder(path)
    ties, stored = None, folder.file("social.npz")
    if stored.exists():
        with np.load(stored) as arrays:
            ties = Edges(arrays["source"], arrays["target"], arrays["weight"])
    graph = graph_of(config, split, build(config["evaluation"]).fit_part(split), ties)
    features = folder.file("features.safetensors")
    return Inputs(graph, Features(**load_file(features)) if features.exists() else Features())
