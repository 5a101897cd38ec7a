"""A map of people: each a point, those who are alike near each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.report import plots
from gnnseg.report.plots import COLOURS, Picture

DRAWN = 3000  # people at most
LABELLED = 16  # segments whose numbers stand on the map
SIDE = 400.0
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def directions(vectors: Floats, segment: Floats) -> tuple[Floats, float]:
    """Return people along the two directions that tell segments apart most, and how much that is.

    The leading two principal directions of the segments' means, weighted by their people (as in
    Fisher 1936, with the spread inside left as it is); with fewer than three segments of all
    people. The share: of all the variance between people, that along the two.

    Args:
        vectors: People's embeddings on the unit sphere, (U,D).
        segment: Each person's segment, (U,).
    """
    centred = vectors - vectors.mean(0)
    which, at, count = np.unique(segment, return_inverse=True, return_counts=True)
    means = np.zeros((len(which), vectors.shape[1]))
    np.add.at(means, at, centred)
    means /= np.sqrt(count)[:, None]
    source = means if len(which) > 2 else centred
    axes = np.linalg.svd(source, full_matrices=False)[2][:2]
    found = centred @ axes.T
    found = np.pad(found, ((0, 0), (0, 2 - found.shape[1])))
    every = float(np.square(centred).sum())
    return found, float(np.square(found).sum()) / every if every > 0 else 0.0


def people(folder: Path, hidden: frozenset[int] = frozenset()) -> Picture | None:
    """Draw at most ``DRAWN`` people, drawn at random, coloured by segment; None without segments.

    Args:
        folder: The run's.
        hidden: Segments whose people are not drawn.
    """
    if not (folder / "segments.parquet").exists() or not (folder / "scores.safetensors").exists():
        return None
    from safetensors.numpy import load_file

    user = load_file(folder / "scores.safetensors")["user"].astype(np.float64)
    segments = pl.read_parquet(folder / "segments.parquet", columns=["segment"])["segment"]
    placed = segments.is_not_null().to_numpy()
    segment = segments.fill_null(0).to_numpy()
    norm = np.linalg.norm(user, axis=1, keepdims=True)
    if not placed.any():
        return None
    at, share = directions((user / np.maximum(norm, 1e-12))[placed], segment[placed])
    segment = segment[placed]
    shown = ~np.isin(segment, sorted(hidden))
    at, segment = at[shown], segment[shown]
    if not len(at):
        return None
    draw = np.random.default_rng(0)
    some = np.sort(draw.permutation(len(at))[:DRAWN])
    return _drawn(at, segment, some, share)


def _drawn(at: Floats, segment: Floats, some: Any, share: float) -> Picture:
    number = (
        f"{len(some):,} of {len(at):,} people" if len(some) < len(at) else f"{len(at):,} people"
    )
    counts = [(int(k), int((segment == k).sum())) for k in np.unique(segment)]
    counts.sort(key=lambda each: (-each[1], each[0]))
    said = (
        f"{number}, each a point in the colour of their first segment, along the two directions "
        f"that tell segments apart most ({share:.0%} of what differs between people)"
    )
    picture = Picture("A map of people", said, SIDE, 320)
    axes = picture.plot_area(8, 8, 8, 8, bare=True)
    low, high = np.percentile(at[some], [0.5, 99.5], axis=0)
    room = np.maximum(high - low, 1e-9) * 0.04
    inside = np.clip(at, low - room, high + room)
    axes.set_xlim((low - room)[0], (high + room)[0])
    axes.set_ylim((low - room)[1], (high + room)[1])
    size = 2.6 if len(some) > 1000 else 3.6 if len(some) > 200 else 6.0
    for k, _ in counts:
        of = some[segment[some] == k]
        if len(of):
            plots.dots(axes, inside[of], plots.colour(k), size, alpha=0.75)
    for k, _ in counts[:LABELLED]:
        x, y = np.median(inside[segment == k], axis=0)
        box = {"boxstyle": "round,pad=0.25", "facecolor": COLOURS["card"], "alpha": 0.85,
               "edgecolor": plots.colour(k), "linewidth": 1.2}  # fmt: skip
        plots.text(axes, x, y, str(k), ha="center", color=COLOURS["ink"], bbox=box, zorder=9)
    return picture
