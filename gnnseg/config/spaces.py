"""What a search draws from for each part: ``conf/hparams/NAME.yaml``, and files of one's own.

A file is named as the encoder, head, objective or baseline that it is of, and holds settings with
their values (``gnnseg.types.space``). It is no part of a run's configuration: a search reads it,
and its trials have single values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.config.names import choices, meant, refusal

GROUP = "hparams"
PARTS = ("encoder", "head", "objective", "baseline")
# what decides what is measured, or by whom: a search over it would compare what cannot be compared
MEASURED = ("data", "split", "evaluation", "seed", "metrics", "baselines", "trainer.monitor")


def named(names: str, folders: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the settings of one or several spaces, ``lightgcn,dot``, the later above the earlier.

    Args:
        names: Their names, with commas between.
        folders: More places to look for ``hparams/NAME.yaml``.

    Raises:
        InputError: There is no such space, or it is no mapping of settings.
    """
    known, found = choices(GROUP, folders), dict[str, Any]()
    for name in [each.strip() for each in names.strip("[]").split(",")]:
        if name not in known:
            raise refusal(f"{GROUP}={name}: no such space; {meant(name, list(known))}")
        found |= _read(known[name])
    return found


def of_parts(config: Mapping[str, Any], folders: Sequence[Path] = ()) -> Iterator[str]:
    """Yield the names of the spaces of a configuration's own parts, as far as there are any.

    Args:
        config: Composed.
        folders: More places to look for groups.
    """
    known = choices(GROUP, folders)
    for group in PARTS:
        name = choice_of(config, group, folders)
        if name in known:
            yield name


def choice_of(config: Mapping[str, Any], group: str, folders: Sequence[Path] = ()) -> str | None:
    """Return the name of the choice that a configuration's part is; None: it has none."""
    target = (config.get(group) or {}).get("_target_")
    if target is None:
        return None
    for name, path in choices(group, folders).items():
        if re.search(
            rf"^\s*_target_:\s*{re.escape(target)}\s*(#|$)", path.read_text("utf-8"), re.M
        ):
            return name
    return None


def refuse_measured(keys: Sequence[str]) -> None:
    """Refuse to search over what decides what is measured.

    Raises:
        InputError: With the key.
    """
    for key in keys:
        bare = key.lstrip("+~")
        if any(bare == each or bare.startswith(f"{each}.") for each in MEASURED):
            raise refusal(
                f"{key}: decides what is measured, so that trials could not be compared; give it "
                "one value."
            )


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refusal(f"{path}: no YAML ({' '.join(str(error).split())}); mend it.") from None
    found = {} if found is None else found
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise refusal(f"{path}: holds no settings; write lines such as head.tau: [0.1, 0.2]")
    return dict(found)
