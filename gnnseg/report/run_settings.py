"""What tells runs apart: settings, data, definitions; as the hash of a run sees them.

Where files lie is no part of it: data are known by their content, files by theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gnnseg.records import canonical

GROUPS = (
    "data", "split", "graph", "features", "baseline", "encoder", "head", "objective",
    "regularisers", "optimizer", "trainer", "evaluation", "segments", "metrics", "baselines",
)  # fmt: skip
TRAINED = (
    "encoder", "head", "objective", "regularisers", "optimizer", "trainer", "graph", "features",
)  # fmt: skip  # groups of which a baseline has none, but for head=posthoc over it
BASELINE = "baseline._target_"
MADE_OF = ("encoder._target_", "head._target_")
SEEDS = ("seed", "split.seed")
DATA, NUMERICS, PROTOCOL = "data", "numerics", "evaluation.protocol"
NOT_SHOWN = ("trainer.refit", "data.name")  # data are named by what they are
PLACES = (
    "root", "path", "train", "valid", "test", "users", "items", "social", "relations", "query",
    "connect", "reading", "forms",
)  # fmt: skip  # of data, where text: what lies there is in its fingerprint
DIGITS = 8


class Settings:
    """The settings of several runs, by dotted keys.

    Args:
        records: What their run.json hold.
    """

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._names = [str(record.get("data", {}).get("name", "")) for record in records]
        self._data, self._unknown = _data_of(records)
        self._digests: list[dict[str, str]] = []
        self._settings = [self._of(number, record) for number, record in enumerate(records)]

    def key(self, number: int) -> str:
        """Return what runs of one row have in common."""
        files = self._digests[number]
        found = {key: files.get(key, value) for key, value in self._settings[number].items()}
        return json.dumps(canonical(found), sort_keys=True)

    def flat(self, number: int) -> Mapping[str, Any]:
        """Return a run's settings by dotted key, without its seeds and where data lie."""
        return self._settings[number]

    def varying(self, rows: Sequence[int]) -> list[str]:
        """Return the keys in which rows differ; ``rows``: a run of each.

        A part's name, and its keys where two rows have the same part with other values. Training
        that comes with an objective differs only where rows of one objective differ, how data are
        read only where rows of the same data do, and how models are trained only where those that
        are do: a baseline has none of that.
        """
        settings = [self._settings[number] for number in rows]

        def with_group(group: str) -> list[Mapping[str, Any]]:
            return [
                row for row in settings
                if BASELINE not in row or any(key.startswith(f"{group}.") for key in row)
            ]  # fmt: skip

        def distinct(some: Sequence[Mapping[str, Any]], key: str) -> bool:
            return len({json.dumps(canonical(row.get(key)), sort_keys=True) for row in some}) > 1

        def shown(key: str) -> bool:
            group = key.split(".")[0]
            mine = settings if group not in TRAINED or key in MADE_OF else with_group(group)
            if key == DATA or (key.endswith("._target_") and group != "data"):
                return distinct(mine, key)
            owner = f"{'objective' if group in ('trainer', 'optimizer') else group}._target_"
            parts: dict[str, list[Mapping[str, Any]]] = {}
            for row in mine:
                parts.setdefault(str(row.get(DATA if group == "data" else owner)), []).append(row)
            return any(distinct(some, key) for some in parts.values())

        keys = dict.fromkeys(key for row in settings for key in row)
        return [key for key in keys if shown(key)]

    def cell(self, number: int, key: str) -> str:
        """Return what a table shows of a setting."""
        if key == DATA:
            return self._called(number)
        value = self._settings[number].get(key, "")
        text = "null" if value is None else str(value)
        if text.startswith(("gnnseg.", "torch.")):
            return text.rsplit(".", 1)[-1].lower()
        if not self._is_place(number, key, value):
            return text
        others = {
            row[key] for n, row in enumerate(self._settings)
            if self._is_place(n, key, row.get(key)) and self.key(n) != self.key(number)
        }  # fmt: skip
        name = PurePath(value).name
        if any(PurePath(other).name == name and other != value for other in others):
            digest = self._digests[number].get(key)
            name = f"{name} ({digest})" if digest else f"{PurePath(value).parent.name}/{name}"
        return name

    def title(self, key: str) -> str:
        """Return a column's title."""
        return key.removesuffix("._target_")

    def notes(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return what is said of rows; ``rows``: the runs of each."""
        if not any(self._unknown[number] for numbers in rows for number in numbers):
            return []
        return [
            "runs of several split.seed that were recorded before their whole data had a "
            "fingerprint stand in rows of their own: whether their data are the same is not known"
        ]

    def _of(self, number: int, record: Mapping[str, Any]) -> dict[str, Any]:
        config, depends = record["config"], record.get("depends", {})
        self._digests.append({k: v[:DIGITS] for k, v in depends.get("files", {}).items()})
        found: dict[str, Any] = {DATA: self._data[number]}
        for group in GROUPS:
            node = config.get(group) or {}
            if group == "data":
                node = {k: v for k, v in node.items() if not _is_where(k, v)}
            _walk(group, node, found)
        for key in (*SEEDS, *NOT_SHOWN):
            found.pop(key, None)
        if (since := record.get("since")) and isinstance(since, Mapping) and since.get("hash"):
            self._digests[number]["segments.since"] = str(since["hash"])[:DIGITS]
        found[PROTOCOL] = record["protocol"]
        found[NUMERICS] = record["numerics"]
        for name, package in depends.get("packages", {}).items():
            found[f"package {name}"] = str(package["digest"])[:DIGITS]
        return found

    def _is_place(self, number: int, key: str, value: Any) -> bool:
        """Return whether a setting's value is where something lies."""
        if not isinstance(value, str):
            return False
        looks = value.startswith(("/", "~", "./", "../")) or value[1:3] in (":\\", ":/")
        return looks or key in self._digests[number]

    def _called(self, number: int) -> str:
        """Return a data set's name, with its fingerprint where another has the same name."""
        name, digest = self._names[number], self._data[number]
        same = {d for n, d in zip(self._names, self._data, strict=True) if n == name}
        return f"{name} ({digest[:DIGITS]})" if len(same) > 1 else name


def _data_of(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[bool]]:
    """Return what each run's data are, however they are split, and where that is not known.

    Of runs recorded before the whole data had a fingerprint, that of the split stands for it.
    """
    found = [record.get("data", {}) for record in records]
    split = [str(data.get("fingerprint", data.get("name", ""))) for data in found]
    whole = {digest: str(data["whole"]) for digest, data in zip(split, found) if data.get("whole")}
    names = [str(data.get("name", "")) for data in found]
    unknown = [
        digest not in whole
        and any(n == name and d != digest for n, d in zip(names, split, strict=True))
        for digest, name in zip(split, names, strict=True)
    ]
    known = [
        str(data.get("whole") or whole.get(digest, digest))
        for data, digest in zip(found, split, strict=True)
    ]
    return known, unknown


def _is_where(key: str, value: Any) -> bool:
    return key in PLACES and (value is None or isinstance(value, str | list | dict))


def _walk(prefix: str, node: Any, found: dict[str, Any]) -> None:
    if isinstance(node, Mapping):
        for key, value in node.items():
            _walk(f"{prefix}.{key}", value, found)
    else:
        found[prefix] = node
