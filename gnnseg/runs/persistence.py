"""What a model was given, in a run's folder: written, and read back from there alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data.atomic import atomic
from gnnseg.data.encoding import Encoding
from gnnseg.data.labels import Labelled
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.inputs import Inputs, graph_of
from gnnseg.types import Edges, Features, IdMap, Relation, Split

INTEREST = "interest in "  # how the tensors of classes that shares are derived from are called


def store(folder: RunFolder, inputs: Inputs, split: Split) -> None:
    """Write what ``restore`` needs beside the pairs, as far as there is any.

    features.json and .safetensors, people.npz, social.npz, relations.npz.
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
            aside.write_text(
                json.dumps(inputs.encoding.to_json(), ensure_ascii=False, indent=1), "utf-8"
            )
    _store_people(folder, inputs)
    if inputs.graph.social is not None and split.social is not None:
        with atomic(folder.file("social.npz")) as aside, open(aside, "wb") as handle:
            s = split.social
            np.savez_compressed(handle, source=s.source, target=s.target, weight=s.weight)
    if inputs.graph.relations:
        read = {each.name for each in inputs.graph.relations}
        _store_relations(
            folder, [each for each in split.relations if each.name in read], inputs.graph.entities
        )


def restore(path: Path, config: Mapping[str, Any], split: Split) -> Inputs:
    """Return what a run's model was given, from its folder alone; ``split``: its own pairs."""
    from safetensors.torch import load_file

    folder = RunFolder(path)
    ties, stored = None, folder.file("social.npz")
    if stored.exists():
        with np.load(stored) as arrays:
            ties = Edges(arrays["source"], arrays["target"], arrays["weight"])
    typed, entities = _relations_in(folder)
    split = replace(split, entities={**split.entities, **entities})
    protocol = build(config["evaluation"], parts(config, "metrics"))
    graph = graph_of(config, split, protocol.training_pairs(split), ties, typed)
    features = folder.file("features.safetensors")
    people, columns = _people_in(folder)
    given = Inputs(graph, labels=_labels_in(folder), people=people, people_columns=columns)
    if not features.exists():
        return given
    tensors, encoding = load_file(features), encoding_of(path)
    return replace(
        given,
        features=Features(tensors.get("user"), tensors.get("item")),
        encoding=encoding,
        people=tensors.get("user"),
        people_columns=encoding.names("user"),
    )


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
    return Encoding.from_json(json.loads(folder.file("features.json").read_text("utf-8")), members)


def _store_people(folder: RunFolder, inputs: Inputs) -> None:
    """Write people.npz: attributes by which segments are described where the model reads none."""
    if inputs.people is None or inputs.features.user is not None:
        return
    columns = np.array(inputs.people_columns, dtype=str)
    with atomic(folder.file("people.npz")) as aside, open(aside, "wb") as handle:
        np.savez_compressed(handle, people=inputs.people.cpu().numpy(), columns=columns)


def _people_in(folder: RunFolder) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return what ``_store_people`` wrote; None of a folder that has none."""
    if not folder.file("people.npz").exists():
        return None, ()
    with np.load(folder.file("people.npz")) as stored:
        columns = tuple(str(each) for each in stored["columns"])
        return torch.from_numpy(stored["people"]), columns


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
    with atomic(folder.file("relations.npz")) as aside, open(aside, "wb") as handle:
        np.savez_compressed(handle, told=np.array(json.dumps(about, ensure_ascii=False)), **arrays)


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
