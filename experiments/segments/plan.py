"""The cells and the methods of the proof grid, by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

from rivals import RIVALS

GENERATORS = {
    "mixture": [],
    "blocks": ["data.model=blocks"],
    "lda": ["data.model=lda"],
    "nested": ["data.groups={groups}"],
    "unequal": ["data.inequality=1"],
}
LEVELS = {
    "easy": ["data.preset=easy"],
    "medium": ["data.preset=medium", "data.random_edges=0.05", "data.missing_edges=0.1"],
    "hard": ["data.preset=hard", "data.random_edges=0.15", "data.missing_edges=0.3"],
}
SIZES = ["data.users=1500", "data.items=600", "data.interactions=45000"]
REAL = {
    "ml-100k": [],
    "lastfm-2k": [],
    "completejourney": ["data.level=product_type", "evaluation.seen=allow"],
}
SEGMENTS = {"planted": (4, 8, 16), "real": (8, 16)}
SEEDS = (0, 1, 2, 3, 4)
DEFAULT = "segments"
OURS = {
    "segments": ["head=segments"],
    "segments-starts20": ["head=segments", "head.start=k-means", "head.starts=20"],
    "segments-membership": ["head=segments", "head.beta=membership"],
    "segments-affinity": ["head=segments", "head.beta=affinity"],
    "hybrid": ["head=hybrid"],
    "posthoc": ["head=posthoc"],
}
TRUTH = "true tastes"  # no rival: what could be recovered, of planted sets
METHODS = [*OURS, *RIVALS, TRUTH]


@dataclass(frozen=True)
class Cell:
    """One data set, K and seed: of the drawing, the split and the training where it is drawn; of
    the training where it is real."""

    kind: str
    level: str
    segments: int
    seed: int

    @property
    def group(self) -> str:
        """Return what it shares with the same cell of other seeds, as in ``blocks/easy/K4``."""
        parts = [self.kind, *([self.level] if self.level else []), f"K{self.segments}"]
        return "/".join(parts)

    @property
    def name(self) -> str:
        """Return the group and the seed, as in ``blocks/easy/K4/s0``."""
        return f"{self.group}/s{self.seed}"

    @property
    def data(self) -> str:
        """Return the name of the data set."""
        return self.kind if self.kind in REAL else "planted"

    @property
    def overrides(self) -> list[str]:
        """Return the settings of data, split and evaluation."""
        if self.kind in REAL:
            return REAL[self.kind]
        groups = {4: 2, 8: 2, 16: 4}[self.segments]
        own = [setting.format(groups=groups) for setting in GENERATORS[self.kind]]
        drawn = [f"data.segments={self.segments}", f"data.seed={self.seed}"]
        return [*SIZES, *drawn, *LEVELS[self.level], *own, f"split.seed={self.seed}"]

    def methods(self, patterns: list[str]) -> list[str]:
        """Return the methods that can run here and whose name fits one of the patterns."""
        return [
            name
            for name in METHODS
            if any(fnmatch.fnmatch(name, one) for one in patterns)
            and not (name == TRUTH and self.kind in REAL)
        ]


def cells(patterns: list[str]) -> Iterator[Cell]:
    """Yield the cells whose name fits one of the patterns, seed by seed."""
    for seed in SEEDS:
        for kind in GENERATORS:
            for level in LEVELS:
                for k in SEGMENTS["planted"]:
                    yield from _fitting(Cell(kind, level, k, seed), patterns)
        for kind in REAL:
            for k in SEGMENTS["real"]:
                yield from _fitting(Cell(kind, "", k, seed), patterns)


def _fitting(cell: Cell, patterns: list[str]) -> Iterator[Cell]:
    if any(fnmatch.fnmatch(cell.name, pattern) for pattern in patterns):
        yield cell
