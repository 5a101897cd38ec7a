"""What a model is given: the graph with the ties, attributes and labels that its parts ask for, and nothing they do not.

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
from gnnseg.data.attributes import Encoding
from gnnseg.folder import RunFolder, atomic
from gnnseg.graph import BipartiteGraph
from gnnseg.types import Edges, Features, InputError, Pairs, Shape, Split


@dataclass(frozen=True)
class Inputs:
    """``encoding``: how attributes became ``features``. ``labels`` (U,): each user's class, -1 where training does not know it;
    ``classes``: their names."""

    graph: BipartiteGraph
    features: Features = field(default_factory=Features)
    encoding: Encoding = field(default_factory=Encoding)
    labels: torch.Tensor | None = None
    classes: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Inputs:
        return replace(
            self,
            graph=self.graph.to(device),
            features=self.features.to(device),
            labels=None if self.labels is None else self.labels.to(device),
        )

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The names of the attributes' columns by kind ('user', 'item'); a kind without any is not there."""
        return {kind: names for kind in ("user", "item") if (names := self.encoding.names(kind))}

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
    if "features" not in asked:
        return Inputs(graph)
    found = build(config["features"]).fit(split, fitted, say)
    user, item = (None if matrix is None else torch.from_numpy(matrix) for matrix in (found.user, found.item))
    return Inputs(graph, Features(user, item), found.encoding)


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


def reads(config: Mapping[str, Any]) -> frozenset[str]:
    """What the encoder reads beside the interactions ('features', 'social'): what of somebody new can be told."""
    node = config["encoder"]
    target = locate(str(node["_target_"]), "encoder", config["allow"])
    found: frozenset[str] = target.wants(**{key: value for key, value in node.items() if key != "_target_"})
    return found


def _nodes(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "encoder", config["encoder"]
    yield "objective", config["objective"]
    for name, node in (config["regularisers"] or {}).items():
        if node["weight"] != 0:
            yield f"regularisers.{name}", node


# --- in a run's folder ------------------------------------------------------------------------------------------


INTEREST = "interest in "  # how the tensors of classes that shares are derived from are called


def store(folder: RunFolder, inputs: Inputs, split: Split) -> None:
    """What ``restore`` needs beside the pairs: features.json and .safetensors, social.npz; none where there is none."""
    from safetensors.torch import save_file

    found = {kind: value.cpu() for kind in ("user", "item") if (value := getattr(inputs.features, kind)) is not None}
    if found:
        found |= {f"{INTEREST}{name}": torch.from_numpy(member) for name, member in inputs.encoding.interests.items()}
        with atomic(folder.file("features.safetensors")) as aside:
            save_file(found, aside)
        with atomic(folder.file("features.json")) as aside:
            aside.write_text(json.dumps(inputs.encoding.to_json(), ensure_ascii=False, indent=1), "utf-8")
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
    if not features.exists():
        return Inputs(graph)
    tensors = load_file(features)
    return Inputs(graph, Features(tensors.get("user"), tensors.get("item")), encoding_of(path))


def encoding_of(path: Path) -> Encoding:
    """How a finished run's attributes became numbers, from its folder; empty where it reads none."""
    from safetensors import safe_open

    folder = RunFolder(path)
    if not folder.file("features.json").exists():
        return Encoding()
    with safe_open(folder.file("features.safetensors"), framework="numpy") as stored:
        interests = {
            name.removeprefix(INTEREST): stored.get_tensor(name)
            for name in stored.keys()  # noqa: SIM118 (it is no mapping)
            if name.startswith(INTEREST)
        }
    return Encoding.from_json(json.loads(folder.file("features.json").read_text("utf-8")), interests)
