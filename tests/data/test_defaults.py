"""Used on their own, sources of data, splits and features are set as conf/ sets them."""

import dataclasses
from pathlib import Path

import pytest

from gnnseg import config

CHOICES = [
    (group, path)
    for group in ("data", "split", "features")
    for path in sorted((config.conf_folder() / group).glob("*.yaml"))
]


@pytest.mark.parametrize(("group", "path"), CHOICES, ids=lambda part: getattr(part, "stem", part))
def test_python_and_conf_have_the_same_defaults(group: str, path: Path) -> None:
    node = config.compose([f"{group}={path.stem}"])[group]
    target = config.locate(node["_target_"], group, [])
    beside = {"_target_", *config.BESIDE.get(group, ())}
    settings = {key: value for key, value in node.items() if key not in beside}
    assert dataclasses.asdict(target()) == settings
