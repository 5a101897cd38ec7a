"""What choices of files alone give, composed once a process; settings are put upon a copy.

Hydra reads and merges some thirty files for every composition, a third of a second. Which files
they are depends on the choices that were typed, not on single settings such as ``seed=1``, which
Hydra puts upon the merged files at the end; so do we, on a copy.
"""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from gnnseg.config.composition.precedence import ChoicesWin
from gnnseg.config.names import conf_folder

KEPT = 128  # compositions of files


@dataclass(frozen=True)
class Chosen:
    """The merged files, less what Hydra keeps for itself.

    ``choices``: the file of each group.
    """

    node: DictConfig
    choices: Mapping[str, object]


_kept: OrderedDict[Hashable, Chosen] = OrderedDict()  # every caller holds the lock of Hydra's state


def composed(found: ChoicesWin, given: Sequence[str]) -> tuple[DictConfig, Mapping[str, object]]:
    """Return a configuration less what Hydra keeps for itself, and the file of each group.

    As Hydra does: choices first, single settings upon them, each in its order.
    """
    choosing, setting = _split(found, OverridesParser.create().parse_overrides(list(given)))
    chosen = _chosen(found, choosing)
    node = copy.deepcopy(chosen.node)
    found._apply_overrides_to_config(setting, node)
    return node, chosen.choices


def _split(found: ChoicesWin, overrides: list[Override]) -> tuple[list[Override], list[Override]]:
    """Part overrides into those that may choose a file, and single settings.

    A group set whole, ``encoder={…}``, keeps its place among the settings: then nothing is parted.
    """
    if any(isinstance(each.value(), dict) and "." not in each.key_or_group for each in overrides):
        return overrides, []
    more = any(each.key_or_group == "hydra.searchpath" for each in overrides)

    def sets(each: Override) -> bool:
        key = str(each.key_or_group)
        if each.package is not None or "/" in key or key.startswith("hydra."):
            return False
        return "." in key or not (more or found.repository.group_exists(key))

    return [o for o in overrides if not sets(o)], [o for o in overrides if sets(o)]


def _chosen(found: ChoicesWin, overrides: list[Override]) -> Chosen:
    given = [str(each.input_line) for each in overrides]
    key = _key(overrides, given)
    if key is not None and key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    node = found.load_configuration("config", given, RunMode.RUN, from_shell=False)
    choices = dict(node.hydra.runtime.choices)
    with open_dict(node):
        del node["hydra"]
    made = Chosen(node, choices)
    if key is not None:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def _key(overrides: Sequence[Override], given: Sequence[str]) -> Hashable | None:
    """Return what a composition depends on; None where that cannot be told.

    The choices; the content of all files; and, where there are files of one's own, whose lists of
    defaults may say ``${oc.env:…}``, the environment.
    """
    paths = [each.value() for each in overrides if each.key_or_group == "hydra.searchpath"]
    flat = [path for each in paths for path in (each if isinstance(each, list) else [each])]
    if not all(str(path).startswith("file://") for path in flat):
        return None
    folders = [Path(str(path).removeprefix("file://")) for path in flat]
    ours = conf_folder()
    stamps = tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in _files(ours))
    own = tuple((path, Path(path).read_bytes()) for folder in folders for path, _ in _files(folder))
    environment = tuple(sorted(os.environ.items())) if folders else ()
    return (str(ours), tuple(given), stamps, own, environment)


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for where, _, names in sorted(os.walk(folder, followlinks=True)):
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")):
                path = os.path.join(where, name)
                yield path, os.stat(path)
