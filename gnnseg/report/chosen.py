"""Which rows of a table validation chose; of the others no test figure is shown unasked.

Whoever looks at the test of every run of a search chooses by it, and then it is no test any more.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
LOWER = ("gini",)  # families of figures of which less is better, besides those that are named
ALONE = (
    "test figures: of the rows that validation chose alone; gnnseg compare --sweep NAME --test "
    "shows all"
)
ALL = "test figures of all rows: whoever chooses by them chooses on the test"


def rows(members: Sequence[Sequence[Record]], less: Collection[str] = ()) -> list[bool]:
    """Return which rows have the best mean of what their runs were chosen by.

    One for each data set, protocol and monitored figure; a row without a rival is chosen, and so
    are those of protocol paper, whose validation is the test.

    Args:
        members: The records of each row.
        less: Monitored figures of which less is better.
    """
    groups: dict[str, list[int]] = {}
    for at, records in enumerate(members):
        groups.setdefault(_rivals(records[0]), []).append(at)
    found = [False] * len(members)
    for rivals in groups.values():
        if on_the_test(members[rivals[0]][0]):
            for at in rivals:
                found[at] = True
            continue
        means = {at: mean for at in rivals if (mean := _mean(members[at])) is not None}
        if means:
            monitor = str(members[rivals[0]][0]["best"]["metric"])
            choose = min if monitor in less or less_is_better(monitor) else max
            found[choose(means, key=lambda at: means[at])] = True
        elif len(rivals) == 1:
            found[rivals[0]] = True
    return found


def monitors(members: Sequence[Sequence[Record]]) -> list[str]:
    """Return the validation figures that runs were chosen by."""
    names = [str(_best(record).get("metric")) for records in members for record in records]
    return [name for name in dict.fromkeys(names) if name.startswith("valid/")]


def on_the_test(record: Record) -> bool:
    """Return whether a run was chosen on the test."""
    return str(record["protocol"]) == "paper"


def _rivals(record: Record) -> str:
    data = record.get("data", {})
    of = data.get("whole") or data.get("fingerprint") or data.get("name")
    return json.dumps([of, record["protocol"], _best(record).get("metric")])


def _mean(records: Sequence[Record]) -> float | None:
    values = [value for each in records if (value := _best(each).get("value")) is not None]
    return statistics.fmean(values) if values else None


def _best(record: Record) -> Record:
    return record.get("best") or {}


def less_is_better(name: str) -> bool:
    """Return whether less is better of a figure of ours: PART/NAME[@K]."""
    return name.partition("/")[2].partition("@")[0] in LOWER
