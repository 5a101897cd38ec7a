"""Cleaned, indexed sets kept in the cache folder, by content: the same files read the same way are
read once.

One file a set, written aside and renamed. Whatever is wrong with it (an older version, a truncated
or damaged file, a folder that cannot be written) is said, and the set is read from its source
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gnnseg.config.stable import current, stable
from gnnseg.data import logs
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables.formats import listed
from gnnseg.mapped import kept
from gnnseg.types import Dataset, Edges, IdMap, Interactions, Log, Relation, Strings, Table

VERSION = 5  # raised with every change of what is stored, or of reading, cleaning or indexing
ROWS = 500_000  # smaller sets are read faster than they are worth keeping
CHUNK = 1 << 22
EVENT = ("weight", "time", "spend", "order")  # where they are there
EDGE = ("source", "target", "weight", "user", "item", "time")  # the last three where they are there
Say = Callable[[str], None]


def key(node: Mapping[str, Any], place: Place) -> str | None:
    """Return sha256 over the content of the files that a node reads and how it reads them.

    None where it reads none, and for a reader of somebody else's package, whose source may change
    and who may read what its settings do not name: such a set is not kept.
    """
    from gnnseg.data.sets.registry import SOURCES

    if not current(str(node["_target_"])).startswith("gnnseg."):
        return None
    named = {name: found for name, value in node.items() if (found := _files(name, value))}
    relations = [r for r in node.get("relations") or [] if isinstance(r, Mapping)]
    paths = [path for found in named.values() for path in found]
    paths += [path for r in relations if (path := Path(str(r.get("path"))).expanduser()).is_file()]
    if node["name"] in SOURCES and not paths:
        paths = sorted(path for path in place.find(str(node["name"])).iterdir() if path.is_file())
    if not paths:
        return None
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as handle:
            while chunk := handle.read(CHUNK):
                digest.update(chunk)
        digest.update(path.suffix.encode() + b"\0")
    how = {k: v for k, v in node.items() if k not in ("root", "currency", *named)}
    how["_target_"] = stable(str(node["_target_"]))
    where = [[k, len(found)] for k, found in named.items()]
    edges = [{k: v for k, v in r.items() if k != "path"} for r in relations]
    digest.update(
        json.dumps([{**how, "relations": edges}, where], sort_keys=True, default=str).encode()
    )
    return digest.hexdigest()


def _files(name: str, value: Any) -> list[Path]:
    """Return the files that a value of a node names; interactions may be several, or a pattern."""
    if name == "path" and (isinstance(value, list) or (isinstance(value, str) and value)):
        return [path for path in listed(value) if path.is_file()]
    if isinstance(value, str) and value and (path := Path(value).expanduser()).is_file():
        return [path]
    return []


def load(path: Path, say: Say) -> Dataset | None:
    """Return the set stored at ``path``; None where there is none to be used, which is said."""
    if not path.exists():
        return None
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
            meta = json.loads(bytes(stored["meta"]).decode("utf-8"))
            if meta["version"] != VERSION:
                say(
                    f"{path}: of another version ({meta['version']}, not {VERSION}); the set is "
                    "read again"
                )
                return None
            arrays = {name: kept(stored[name]) for name in stored.files}
            return _dataset(meta, arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, TypeError) as error:
        say(f"{path}: damaged ({error}); the set is read again")
        return None


def save(path: Path, dataset: Dataset, say: Say) -> None:
    """Store a set; a folder that cannot be written or a full disk is said.

    Nothing half-written stays.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as handle:
            np.savez(handle, **_arrays(dataset))
        os.replace(aside, path)
    except OSError as error:
        say(
            f"{path.parent}: cannot be written ({error.strerror or error}); going on without a "
            "cache"
        )
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _arrays(d: Dataset) -> dict[str, Any]:
    """Return numbers as arrays, everything else as one JSON text."""
    e = d.interactions
    arrays: dict[str, Any] = {"user": e.user, "item": e.item}
    arrays |= {n: getattr(e, n) for n in EVENT if getattr(e, n) is not None}
    if d.parts is not None:
        arrays["parts"] = d.parts
    tables: dict[str, Any] = {}
    for side, table in (("user_table", d.user_table), ("item_table", d.item_table)):
        if table is not None:
            tables[side] = {
                name: None if column.dtype != object else column.tolist()
                for name, column in table.columns.items()
            }
            arrays |= {
                f"{side}/{name}": column
                for name, column in table.columns.items()
                if column.dtype != object
            }
    edges = {"social": d.social} | {f"relation {n}": r for n, r in enumerate(d.relations)}
    for name, edge in edges.items():
        if edge is not None:
            found = {f"{name}/{side}": getattr(edge, side, None) for side in EDGE}
            arrays |= {side: column for side, column in found.items() if column is not None}
    if d.log is not None:
        arrays |= {
            f"log/{n}": column for n in logs.COLUMNS if (column := getattr(d.log, n)) is not None
        }
    meta = {
        "version": VERSION, "name": d.name, "notes": dict(d.notes), "tables": tables,
        "ids": {
            "users": _ids(d.users),
            "items": _ids(d.items),
            **{f"entity {kind}": _ids(ids) for kind, ids in d.entities.items()},
        },
        "relations": [[r.name, r.source_kind, r.target_kind] for r in d.relations],
    }  # fmt: skip
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode("utf-8"), dtype=np.uint8)
    return arrays


def _dataset(meta: dict[str, Any], arrays: Mapping[str, Any]) -> Dataset:
    def table(side: str) -> Table | None:
        if side not in meta["tables"]:
            return None
        columns = meta["tables"][side]
        return Table(
            {
                n: arrays[f"{side}/{n}"] if values is None else _objects(values)
                for n, values in columns.items()
            }
        )

    def edge(name: str) -> dict[str, Any]:
        return {side: arrays[f"{name}/{side}"] for side in EDGE if f"{name}/{side}" in arrays}

    ids = {
        kind: IdMap(_objects(i), None if names is None else _objects(names))
        for kind, (i, names) in meta["ids"].items()
    }
    log: dict[str, Any] = {n: arrays.get(f"log/{n}") for n in logs.COLUMNS}
    optional = {n: arrays.get(n) for n in EVENT}
    relations = (
        Relation(name=name, source_kind=source, target_kind=target, **edge(f"relation {n}"))
        for n, (name, source, target) in enumerate(meta["relations"])
    )
    return Dataset(
        name=meta["name"],
        users=ids["users"],
        items=ids["items"],
        interactions=Interactions(arrays["user"], arrays["item"], **optional),
        user_table=table("user_table"),
        item_table=table("item_table"),
        social=Edges(**edge("social")) if "social/source" in arrays else None,
        relations=tuple(relations),
        entities={k.removeprefix("entity "): v for k, v in ids.items() if k.startswith("entity ")},
        parts=arrays.get("parts"),
        notes=meta["notes"],
        log=Log(**log) if "log/user" in arrays else None,
    )


def _ids(ids: IdMap) -> list[Any]:
    return [ids.ids.tolist(), None if ids.names is None else ids.names.tolist()]


def _objects(values: list[Any]) -> Strings:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
