"""Vectors from elsewhere, by id: .parquet, .npz, or .npy with NAME.ids.txt.

Shape legend: n ids, D dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.tables import fields, formats
from gnnseg.data.values import Values
from gnnseg.types import IdMap, InputError

Say = Callable[[str], None]


def by_id(path: Path, ids: IdMap, key: str, say: Say) -> Values:
    """Return a file's vectors in index order, (n,D), rows of NaN where it has none."""
    given, values = read(path, key)
    place = ids.to_index(given, missing=-1)
    known = place >= 0
    if not known.any():
        raise InputError(
            f"{path}: none of its {len(given):,} ids is known ({key}): {given[0]} here, "
            f"{ids.ids[0]} there; write the ids alike."
        )
    if not known.all():
        say(f"{path.name}: {int((~known).sum()):,} vectors of ids without an interaction left out")
    matrix = np.full((len(ids), values.shape[1]), np.nan)
    matrix[place[known]] = values[known]
    return matrix


def read(path: Path, key: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return ids and their vectors (n,D), finite, each id once.

    Raises:
        InputError: For a file that is not there, of another form, or holds what is no number.
    """
    formats.exists(path)
    try:
        ids, values = _stored(path)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cannot be read as vectors by id ({why}); see gnnseg options features ({key})."
        ) from None
    if values.ndim != 2 or len(ids) != len(values) or not values.size:
        raise InputError(
            f"{path}: {len(ids):,} ids and vectors of shape {values.shape} do not go together "
            f"({key})."
        )
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InputError(
            f"{path}: the vector of id {ids[row]} holds what is no finite number ({key}); mend it."
        )
    if len(set(ids)) < len(ids):
        twice = next(one for one, count in Counter(ids).items() if count > 1)
        raise InputError(
            f"{path}: id {twice} stands more than once ({key}); keep one vector an id."
        )
    return ids, values


def _stored(path: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return what a file holds, unchecked."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            ids = [str(one) for one in stored["ids"].tolist()]
            return ids, np.asarray(stored["vectors"], dtype=np.float64)
    if path.suffix == ".npy":
        values = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
        what = f"file of ids, a line each, beside {path.name}"
        ids = formats.exists(path.with_suffix(".ids.txt"), what).read_text("utf-8").split("\n")
        return ids[:-1] if ids and not ids[-1] else ids, values
    frame = formats.parquet(path).frame
    column = "id" if "id" in frame.columns else frame.columns[0]
    ids, rest = fields.identifiers(frame[column]).to_list(), frame.drop(column)
    first = rest.to_series(0) if rest.width == 1 else None
    nested = first is not None and isinstance(first.dtype, pl.List | pl.Array)
    rows = first.to_list() if nested and first is not None else rest.rows()
    return ids, np.array(rows, dtype=np.float64)
