"""Records as run folders hold them: strict JSON, in which a figure that is not defined is null.

JSON has no NaN and no infinity. Folders of before hold the words; both are read as null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def text(content: Any, *, indent: int | None = None) -> str:
    """Return content as strict JSON; a number that is not finite is null."""
    return json.dumps(plain(content), indent=indent, ensure_ascii=False, allow_nan=False)


def parsed(text: str | bytes) -> Any:
    """Return what JSON holds; NaN and infinity, as folders of before have them, are None.

    Raises:
        ValueError: It is no JSON, or no UTF-8.
    """
    return json.loads(text, parse_constant=lambda word: None)


def plain(value: Any) -> Any:
    """Return what JSON can hold: numpy's and torch's numbers as Python's, None for no number."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def canonical(value: Any) -> Any:
    """Write equal numbers alike: 1.0 as 1."""
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
