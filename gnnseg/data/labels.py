"""What is already known of some users: the class each is in, and who is labelled in training.

Shape legend: U users, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import InputError, Ints, Setting, Table

FEW = 12  # different numbers as text are classes (codes) up to here, beyond they are a quantity


@dataclass(frozen=True)
class Labelled:
    """Users whose class is known, and which of them training may see.

    ``classes``: names in the order of text; ``label`` (U,) int64: each user's class, -1 where
    nobody knows it; ``observed`` (U,) bool: the users whose labels training is given. The others
    are held out: their classes are for evaluation alone.
    """

    column: str
    classes: tuple[str, ...]
    label: Ints
    observed: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def known(self) -> Ints:
        """Return the labels that training may see, (U,): -1 for everybody else."""
        return np.where(self.observed, self.label, -1)

    @property
    def held_out(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whom predictions are evaluated on, (U,) bool."""
        return (self.label >= 0) & ~self.observed

    def account(self) -> dict[str, Any]:
        """Return what run.json says: the column, its classes, how many users are held out."""
        return {
            "column": self.column,
            "classes": list(self.classes),
            "labelled": int((self.label >= 0).sum()),
            "told": int(self.observed.sum()),
            "held_out": int(self.held_out.sum()),
        }


def observe(
    table: Table | None, column: str | None, share: float, rng: Rng, where: str
) -> Labelled:
    """Draw a ``share`` of the labelled users, whose classes training may see.

    Drawn within each class, round(share n_c) of its n_c users and at least one, as a function of
    the seed; whoever is drawn at a share is drawn at every larger one. A missing or empty value is
    no label.

    Args:
        table: The users' attributes.
        column: The one that holds the classes.
        share: Above 0, up to 1.
        rng: Draws the users.
        where: The setting that asks, such as 'regularisers.labels'.

    Raises:
        InputError: For a column that is not there, holds numbers, or a single class.
    """
    if not 0 < share <= 1:
        raise InputError(
            f"{where}.share is {share}: the share of labelled users to be observed lies above 0 "
            "and up to 1."
        )
    columns = {} if table is None else table.columns
    if column is None or column not in columns:
        none = ("this set has none; give ", Setting("data.users", "FILE"))
        raise InputError(
            where=f"{where}.column={column}",
            problem="it names the users' attribute that holds the label",
            advice=f"there are {', '.join(columns)}" if columns else none,
        )
    values = columns[column]
    names = [None if v is None or not str(v).strip() else str(v).strip() for v in values.tolist()]
    classes = tuple(sorted({name for name in names if name is not None}))
    if values.dtype != object or (len(classes) > FEW and all(map(_is_number, classes))):
        raise InputError(
            f"{where}.column={column}: holds numbers, and a label is a class; bin them into a "
            "column of text (such as 18-24, 25-34) "
            "and name that."
        )
    if len(classes) < 2:
        raise InputError(
            f"{where}.column={column}: holds {len(classes)} classes; there must be at least 2 to "
            "tell apart."
        )
    place = {name: at for at, name in enumerate(classes)}
    label = np.array([-1 if name is None else place[name] for name in names], dtype=np.int64)
    lot, observed = rng.numpy("told").random(len(label)), np.zeros(len(label), dtype=bool)
    for each in range(len(classes)):
        of_class = np.flatnonzero(label == each)
        count = max(1, round(share * len(of_class)))
        observed[of_class[np.argsort(lot[of_class], kind="stable")[:count]]] = True
    return Labelled(column, classes, label, observed)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
