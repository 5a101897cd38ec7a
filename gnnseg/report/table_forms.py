"""A table of settings and figures as text, CSV, Markdown or LaTeX."""

from __future__ import annotations

import csv
import io
import math
import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

PAPER = "†"
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "]": "{]}",
    "*": "{*}", "`": r"\textasciigrave{}", '"': "{''}", "…": r"\dots{}",
    PAPER: r"$\dagger$", "±": r"$\pm$", "–": "--", "—": "---", "−": "$-$", "×": r"$\times$",
    "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "≠": r"$\neq$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "∞": r"$\infty$", "²": "$^2$", "³": "$^3$",
    "°": r"$^\circ$", "µ": r"$\mu$",
}  # fmt: skip  # [ and * behind \\ would be its arguments

GREEK = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")


@dataclass(frozen=True)
class Figure:
    """Mean and standard deviation over runs; None: not measured, of one run.

    ``paper``: chosen by the test.
    """

    mean: float | None
    deviation: float | None
    digits: int = 4
    paper: bool = False

    @classmethod
    def of(cls, values: Sequence[float | None], *, digits: int = 4, paper: bool = False) -> Figure:
        """Return the figure of several runs, of those that have it."""
        there = [float(v) for v in values if v is not None and not math.isnan(v)]
        return cls(
            statistics.fmean(there) if there else None,
            statistics.stdev(there) if len(there) > 1 else None,
            digits, paper,
        )  # fmt: skip

    def text(self, sign: str, mark: str) -> str:
        """Return it to be read; ``mark``: of what was chosen by the test."""
        if self.mean is None:
            return ""
        spread = "" if self.deviation is None else f" {sign} {self.deviation:.{self.digits}f}"
        return f"{self.mean:.{self.digits}f}{spread}{mark if self.paper else ''}"


def written(
    columns: Sequence[str], rows: Sequence[Sequence[str | Figure]], left: int, form: str, note: str
) -> str:
    """Return a table.

    Args:
        columns: Their titles.
        rows: Their cells.
        left: How many columns at the left hold words.
        form: text, csv, md or latex.
        note: What the mark of a figure means; empty: none has one.
    """
    if form == "csv":
        return _csv(columns, rows)
    if form == "md":
        return _markdown(columns, rows, left, note)
    if form == "latex":
        return _latex_table(columns, rows, left, note)
    from gnnseg.report.columns import render

    cells = [[_read(cell) for cell in row] for row in rows]
    return render(columns, cells, right=left, width=220) + (f"\n{note}" if note else "")


def _read(cell: str | Figure) -> str:
    return cell if isinstance(cell, str) else cell.text("±", PAPER)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str | Figure]]) -> str:
    """Return CSV: each figure a number, its deviation another, in a column of its own."""
    figures = {n for row in rows for n, cell in enumerate(row) if isinstance(cell, Figure)}
    titles: list[str] = []
    for number, title in enumerate(columns):
        titles += [title, f"{title} sd"] if number in figures else [title]
    lines = []
    for row in rows:
        line: list[str] = []
        for cell in row:
            if isinstance(cell, str):
                line.append(cell)
            else:
                line += ["" if v is None else repr(v) for v in (cell.mean, cell.deviation)]
        lines.append(line)
    if any(cell.paper for row in rows for cell in row if isinstance(cell, Figure)):
        titles.append("chosen on")
        for line, row in zip(lines, rows, strict=True):
            paper = any(cell.paper for cell in row if isinstance(cell, Figure))
            line.append("test" if paper else "validation")
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([titles, *lines])
    return buffer.getvalue().rstrip("\n")


def _markdown(
    columns: Sequence[str], rows: Sequence[Sequence[str | Figure]], left: int, note: str
) -> str:
    line = ["---"] * left + ["---:"] * (len(columns) - left)
    words = [[marked_down(_read(cell)) for cell in row] for row in [columns, *rows]]
    lines = [words[0], line, *words[1:]]
    text = "\n".join("| " + " | ".join(each) + " |" for each in lines)
    return f"{text}\n\n{note}" if note else text


def marked_down(text: str) -> str:
    """Return text as Markdown shows it; an underscore within a word it leaves alone."""
    escaped = re.sub(r"[\\|`*<~$]", r"\\\g<0>", _one_line(text))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)


def _latex_table(
    columns: Sequence[str], rows: Sequence[Sequence[str | Figure]], left: int, note: str
) -> str:
    def cell(value: str | Figure) -> str:
        if isinstance(value, str):
            return latex(value)
        return value.text(r"$\pm$", LATEX[PAPER])

    body = [" & ".join(cell(each) for each in row) + r" \\" for row in rows]
    titles = " & ".join(latex(title) for title in columns) + r" \\"
    form = "l" * left + "r" * (len(columns) - left)
    lines = [rf"\begin{{tabular}}{{{form}}}", r"\hline", titles, r"\hline", *body, r"\hline"]
    if note:
        lines.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{{latex(note)}}} \\")
    return "\n".join([*lines, r"\end{tabular}"])


def latex(text: str) -> str:
    """Return text as LaTeX shows it, whatever of Latin, Greek and common signs is in it."""
    return "".join(LATEX.get(c) or _greek(c) or c for c in _one_line(text))


def _greek(letter: str) -> str:
    """Return a Greek letter as LaTeX has it; nothing for others. Some capitals are Latin ones."""
    words = unicodedata.name(letter, "").lower().split()
    if words[:1] != ["greek"] or words[2:3] != ["letter"] or len(words) < 4:
        return ""
    name = {"lamda": "lambda", "final": "varsigma"}.get(words[3], words[3])
    if words[1] == "capital":
        return rf"$\{name.capitalize()}$" if name in GREEK else ""
    return "o" if name == "omicron" else rf"$\{name}$"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
