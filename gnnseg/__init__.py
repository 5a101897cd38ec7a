"""User segmentation learned together with graph recommendation.

    data = gnnseg.interactions(frame, user="customer", item="sku", time="ts")
    run = gnnseg.train(data, ["head.segments=16"], seed=0)
    run = gnnseg.load("runs/…")

Nothing heavy is imported before one of these is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.api import interactions, load, train
    from gnnseg.run import Run
    from gnnseg.types import InputError

__all__ = ["InputError", "Run", "interactions", "load", "train"]

_HOME = {
    "interactions": "gnnseg.api", "train": "gnnseg.api", "load": "gnnseg.api", "Run": "gnnseg.run", "InputError": "gnnseg.types",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gnnseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
