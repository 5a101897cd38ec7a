"""Histories of people who were not in training, in any usual form, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import zeros
from gnnseg.data.raw import Raw
from gnnseg.data.tables import doors, fields, frames
from gnnseg.data.tables.formats import Sheet
from gnnseg.types import InputError

NOTE = " (in gnnseg.interactions)"


def tables(histories: Any) -> tuple[pl.DataFrame, pl.Series]:
    """Return histories as user, item[, weight, time, spend, order], and everybody who is in them.

    Args:
        histories: {id: [item ids]}, a table, or what ``gnnseg.interactions`` has read; None: none.

    Raises:
        InputError: A table cannot be read.
    """
    if histories is None or (
        isinstance(histories, Mapping) and not {"user", "item"} <= set(histories)
    ):
        return _listed(histories or {})
    how = histories.zeros if isinstance(histories, Raw) else None
    frame = histories.events if isinstance(histories, Raw) else _events(histories)
    with doors.errors_said(doors.argument, note=NOTE):
        frame = zeros.settle(frame, how, "histories")[0]
    return frame, frame["user"].unique(maintain_order=True)


def _listed(histories: Mapping[Any, Any]) -> tuple[pl.DataFrame, pl.Series]:
    """Return what each has met, and who they are, those without any item too."""
    for user, met in histories.items():
        if isinstance(met, str) or not isinstance(met, Iterable):
            what = "a text" if isinstance(met, str) else repr(met)
            raise InputError(
                f"histories: {user!r} has {what} instead of a list of item ids; write [{met!r}]."
            )
    listed = {str(user): [str(item) for item in met] for user, met in histories.items()}
    everyone = pl.Series("user", list(listed), dtype=pl.String)
    met = pl.Series("item", list(listed.values()), dtype=pl.List(pl.String))
    return pl.DataFrame([everyone, met]).explode("item").drop_nulls(), everyone


def _events(histories: Any) -> pl.DataFrame:
    frame = frames.read(histories, "histories")
    for column in ("user", "item"):
        if column not in frame.columns:
            listed = ", ".join(frame.columns)
            raise InputError(
                f"histories: has no column {column!r}; it has {listed}: read it by "
                "gnnseg.interactions(…)."
            )
    sheet = Sheet(Path("histories"), frame, 1, unit="row")
    roles: dict[str, str | None] = {
        role: role for role in (*fields.ROLES, "order") if role in frame.columns
    }
    with doors.errors_said(doors.argument, note=NOTE):
        return fields.events(sheet, roles, drop=False, returns=None, missing_ids="fail").frame
