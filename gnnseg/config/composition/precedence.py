"""In which order the files of a configuration count: what somebody chose wins.

Hydra merges files in the order of conf/config.yaml's defaults, so that what an objective's file
says of ``trainer`` stands above whatever was chosen there. Files of conf/ hold defaults, and that
is right for them. A file of one's own is a choice: what it says of its own group counts above the
other files, of an experiment's choice below the experiment's own settings, of a typed choice above
these too. Single settings that were typed stand above all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gnnseg.config.names import choices

EXPERIMENT = "experiment/"


@dataclass
class OwnGroup(ResultDefault):
    """A file that is merged once more, what it says of its own group alone."""


class ChoicesWin(ConfigLoaderImpl):
    """Hydra's loader, which merges files of one's own once more where they count.

    Args:
        search_path: Where Hydra looks.
        overrides: What was typed.
    """

    def __init__(self, search_path: Any, overrides: Sequence[str]) -> None:
        super().__init__(config_search_path=search_path)
        self._typed = set(_chosen(overrides))

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        return super()._compose_config_from_defaults_list(self._ordered(list(defaults)), repo)

    def _load_single_config(self, default: ResultDefault, repo: Any) -> Any:
        found = super()._load_single_config(default, repo)
        if isinstance(default, OwnGroup):
            assert default.config_path is not None
            group = default.config_path.partition("/")[0]
            assert isinstance(found.config, DictConfig)
            kept = OmegaConf.masked_copy(found.config, [k for k in found.config if k == group])
            found = replace(found, config=kept)
        return found

    def _ordered(self, defaults: list[ResultDefault]) -> list[ResultDefault]:
        """Return the files in the order in which they are merged, the later above the earlier."""
        own = [each for each in defaults if _is_own(str(each.config_path))]
        typed = self._with_parents(own)
        at = next(
            (n for n, d in enumerate(defaults) if str(d.config_path).startswith(EXPERIMENT)),
            len(defaults),
        )
        chosen = [_own_group(each) for each in own if each.config_path not in typed]
        last = [_own_group(each) for each in own if each.config_path in typed]
        return [*defaults[:at], *chosen, *defaults[at:], *last]

    def _with_parents(self, own: list[ResultDefault]) -> set[str | None]:
        """Return the paths that were typed, and those of the files in their defaults."""
        found: set[str | None] = set(self._typed)
        while more := {d.config_path for d in own if d.parent in found} - found:
            found |= more
        return found


def _chosen(overrides: Sequence[str]) -> list[str]:
    """Return the files that overrides choose: ``trainer/fast`` of ``trainer=fast``."""
    found = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if not override.is_delete() and not override.is_sweep_override():
            value = override.value()
            names = value if isinstance(value, list) else [value]
            found += [f"{override.key_or_group}/{name}" for name in names if isinstance(name, str)]
    return found


def _is_own(path: str) -> bool:
    """Return whether a file of a group is the user's: no experiment, and none of conf/."""
    group, _, name = path.rpartition("/")
    return (
        bool(group) and not path.startswith(("hydra/", EXPERIMENT)) and name not in choices(group)
    )


def _own_group(default: ResultDefault) -> OwnGroup:
    return OwnGroup(
        config_path=default.config_path, parent=default.parent, package=default.package,
        is_self=default.is_self, primary=default.primary,
    )  # fmt: skip
