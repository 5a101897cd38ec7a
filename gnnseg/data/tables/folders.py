"""A folder that holds a given split, as LightGCN's data sets come: train.txt, test.txt, perhaps
valid.txt."""

from __future__ import annotations

from collections.abc import Sequence

from gnnseg.data import held_out
from gnnseg.data.tables.typed import expanded
from gnnseg.types import InputError

NAMES = {"valid": ("valid", "validation", "val", "dev"), "test": ("test",)}


def split(given: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
    """Return the files of a folder's split: train, and test and valid by name.

    Without a validation file a tenth of each user's training pairs is drawn for it.

    Args:
        given: What was typed; a folder alone.

    Returns:
        None where no folder was.

    Raises:
        InputError: The folder holds no such split, or two files for one part.
    """
    if len(given) != 1 or not (folder := expanded(given[0])).is_dir():
        return None
    found: dict[str, str] = {}
    for part, words in {"train": ("train",), **NAMES}.items():
        files = sorted(p for p in folder.iterdir() if p.stem in words and p.is_file())
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise InputError(f"{folder}: holds {names}; name the file to read, not the folder.")
        found |= {part: str(files[0])} if files else {}
    if not {"train", "test"} <= set(found):
        raise InputError(
            f"{folder}: is a folder without train.* and test.*; name a file in it, or the files of "
            "a given split."
        )
    train = found.pop("train")
    return [train], {"valid": str(held_out.SHARE)} | found
