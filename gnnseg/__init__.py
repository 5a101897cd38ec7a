"""User segmentation learned together with graph recommendation.

    data = gnnseg.interactions(frame, user="customer", item="sku", time="ts")
    run = gnnseg.train(data, ["head.segments=16"], seed=0)
    choice = gnnseg.choose_k(data)
    run = gnnseg.load("runs/…")

Nothing heavy is imported before one of these is asked for.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.api import choose_k, interactions, load, train
    from gnnseg.runs.choice import ChosenK
    from gnnseg.runs.run import Run
    from gnnseg.types import InputError

__all__ = ["ChosenK", "InputError", "Run", "choose_k", "interactions", "load", "train"]

_HOME = {
    "interactions": "gnnseg.api", "train": "gnnseg.api", "load": "gnnseg.api",
    "choose_k": "gnnseg.api", "ChosenK": "gnnseg.runs.choice", "Run": "gnnseg.runs.run",
    "InputError": "gnnseg.types",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gnnseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _PublicNames(MetaPathFinder, Loader):
    """Finder of ``gnnseg.encoders``, ``.heads`` and ``.objectives``, public names of packages.

    They lie inside ``gnnseg.models``.
    """

    packages = ("gnnseg.encoders", "gnnseg.heads", "gnnseg.objectives")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        ours = name.startswith("gnnseg.") and ".".join(name.split(".")[:2]) in self.packages
        return ModuleSpec(name, self) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(spec.name.replace("gnnseg.", "gnnseg.models.", 1))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is: the module inside ``gnnseg.models``, which has been executed."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


sys.meta_path.insert(0, _PublicNames())  # before what would load the same file a second time
