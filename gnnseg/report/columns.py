"""A plain table in columns, as wide as the terminal lets it be."""

from __future__ import annotations

import io
import shutil
import textwrap
from collections.abc import Iterator, Sequence

WIDTH = 120
NARROWEST = 20  # a terminal that says it is narrower is not believed
GAP = 3  # blanks between columns
TEXT = 16  # characters that a column of text may be folded to, before the table is cut in two


def render(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    right: int = 1,
    left: Sequence[int] = (),
    width: int = WIDTH,
) -> str:
    """Return a plain table; where the terminal is too narrow, one below the other.

    Args:
        columns: Their titles.
        rows: Their cells.
        title: A line above.
        right: The first column that is set on the right, as numbers are.
        left: Columns behind it that are not.
        width: The widest a line may be; less where the terminal (or COLUMNS) is narrower.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    width = min(width, max(NARROWEST, shutil.get_terminal_size((width, 24)).columns))
    on_the_right = {n for n in range(right, len(columns)) if n not in left}
    parts = [
        _table([columns[n] for n in part], [[row[n] for n in part] for row in shown],
               [n in on_the_right for n in part], width)
        for part in _parts(columns, shown, on_the_right, right, width)
    ]  # fmt: skip
    return "\n".join([printable(title), *parts] if title else parts)


def printable(text: str) -> str:
    """Return a name without control characters, which would move the terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def folded(label: str, text: str, width: int = WIDTH) -> str:
    """Return a labelled sentence in lines as wide as the terminal lets them be, set in below it."""
    width = min(width, max(NARROWEST, shutil.get_terminal_size((width, 24)).columns))
    return textwrap.fill(
        printable(text), width, initial_indent=label, subsequent_indent=" " * len(label),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def cut(said: str, width: int) -> str:
    """Return a text, cut where it is too long for its place."""
    return said if len(said) <= width else f"{said[: width - 1].rstrip()}…"


def _parts(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    on_the_right: set[int],
    first: int,
    width: int,
) -> Iterator[list[int]]:
    """Yield the columns of each table, so that numbers stay whole.

    The ``first`` ones, which say what a row is, stand in each where they leave room for others.
    """

    def least(n: int) -> int:
        wide = max(map(len, [columns[n], *(row[n] for row in rows)]))
        return wide if n in on_the_right else min(wide, TEXT)

    heads = list(range(first))
    while len(heads) > 1 and sum(least(n) + GAP for n in heads) > width / 2:
        heads.pop()
    part, used = [*heads], sum(least(n) + GAP for n in heads)
    for n in range(len(heads), len(columns)):
        if len(part) > len(heads) and used + least(n) > width:
            yield part
            part, used = [*heads], sum(least(n) + GAP for n in heads)
        part.append(n)
        used += least(n) + GAP
    yield part


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], on_the_right: Sequence[bool], width: int
) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column, numbers in zip(columns, on_the_right, strict=True):
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, force_jupyter=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().splitlines())
