"""A sentence about ``data.…`` settings in the words of the door where it is heard: options of the
command, arguments in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gnnseg.types import InputError

ARGUMENTS = (
    "user|item|weight|time|spend|users|items|item_title|social|log|decimal|dates|returns|on_error"
)
OPTIONS = f"{ARGUMENTS}|separator|encoding|format|min_weight|k_core|connect"


def options(text: str) -> str:
    """'set data.dates=dmy' as 'set --dates dmy'."""
    text = text.replace("data.path=", "").replace("data.query", "--sql")
    return re.sub(
        rf"\bdata\.({OPTIONS})\b(=?)",
        lambda m: f"--{m[1].replace('_', '-')}{' ' if m[2] else ''}",
        text,
    )


def arguments(text: str) -> str:
    """'set data.dates=dmy' as 'set dates=dmy'."""
    return re.sub(rf"\bdata\.(?=(?:{ARGUMENTS})\b)", "", text)


@contextmanager
def heard(words: Callable[[str], str]) -> Iterator[None]:
    """InputErrors from within, said in these words."""
    try:
        yield
    except InputError as error:
        raise InputError(words(str(error))) from None
