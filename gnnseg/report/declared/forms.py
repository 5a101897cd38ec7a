"""A declared table as Markdown, as CSV and for the terminal."""

from __future__ import annotations

import csv
import io

from gnnseg.report import columns
from gnnseg.report.declared.cells import DeclaredCell, DeclaredTable
from gnnseg.report.table_forms import PAPER, marked_down

NOT_THERE = "–"
BETTER = "Improvement of ours over the best other row, %"


def titles(made: DeclaredTable) -> list[str]:
    """Return the titles of the columns, the rows' first."""
    return ["", *(f"{data} {metric}" for data, metric in _heads(made))]


def _heads(made: DeclaredTable) -> list[tuple[str, str]]:
    marked = {
        data.label: data.label + PAPER * (data.protocol == "paper")
        for data in made.declared.data
    }  # fmt: skip
    return [
        (marked[data.label], metric.label)
        for data in made.declared.data for metric in made.declared.metrics
    ]  # fmt: skip


def label(made: DeclaredTable, at: int) -> str:
    """Return a row's label with the number of its source, where it has one."""
    row = made.declared.rows[at]
    return f"{row.label} [{sources(made).index(row.source) + 1}]" if row.source else row.label


def sources(made: DeclaredTable) -> list[str]:
    """Return the sources of published rows, each once."""
    return list(dict.fromkeys(row.source for row in made.declared.rows if row.source))


def plain(cell: DeclaredCell) -> str:
    """Return a cell as it is read: mean, ± deviation, the mark of significance."""
    if cell.mean is None:
        if cell.why.startswith("every trial failed"):
            return "failed"
        said = cell.why.startswith(("not run", "failed"))
        return cell.why.partition(":")[0] if said else NOT_THERE
    digits = cell.metric.digits
    spread = "" if cell.std is None else f" ± {cell.std:.{digits}f}"
    return f"{cell.mean:.{digits}f}{spread}{PAPER * cell.paper}{cell.mark}"


def caption(made: DeclaredTable) -> list[str]:
    """Return the sentences that a reader needs beside the figures."""
    cells = [cell for cell in made.cells() if cell.lines]
    protocols = list(dict.fromkeys(str(cell.lines[0].get("protocol")) for cell in cells))
    counts = sorted({len(cell.values) for cell in cells if cell.values})
    found = [f"Protocol {', '.join(protocols)}."] if protocols else []
    if several := [n for n in counts if n > 1]:
        many = " to ".join(map(str, dict.fromkeys((several[0], several[-1]))))
        found.append(f"Mean ± standard deviation over {many} seeds; without ±: of one.")
    elif counts:
        found.append("One seed.")
    if any(cell.rank for cell in made.cells()):
        found.append("Best in bold, second underlined.")
    if any(row.trials for row in made.declared.rows):
        found.append(
            f"Settings chosen on validation among at most {made.declared.trials} trials a row and "
            "data set."
        )
    if made.tests:
        ours, best = "each of our rows against the best other", "the best row against the second"
        whom = ours if made.ours else best
        many = f"{len(made.tests)} comparison{'s' * (len(made.tests) != 1)}"
        found.append(
            f"* better, − worse at p < .05, ** and −− at p < .01: {whom} that was run here, "
            f"two-sided paired randomisation test over users, Holm-corrected for {many}."
        )
    declared = any(data.protocol == "paper" for data in made.declared.data)
    if declared or any(cell.paper for cell in cells):
        found.append(f"{PAPER} protocol paper: best epoch chosen on the test.")
    return found + [f"[{n}] published: {text}." for n, text in enumerate(sources(made), 1)]


def notes(made: DeclaredTable) -> list[str]:
    """Return the sentences on figures that are not all alike, and on those that are not there."""
    return [note if note.endswith((".", "?")) else f"{note}." for note in made.notes]


def markdown(made: DeclaredTable) -> str:
    """Return the table as Markdown: best bold, second underlined."""
    heads = [marked_down(title) for title in titles(made)]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for at, row in enumerate(made.rows):
        lines.append([marked_down(label(made, at)), *(_ranked(cell) for cell in row)])
    if any(value is not None for value in made.improvement):
        lines.append([BETTER, *map(percent, made.improvement)])
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    said = "\n".join(f"- {marked_down(each)}" for each in [*caption(made), *notes(made)])
    return f"# {marked_down(made.declared.title)}\n\n{body}\n\n{said}\n"


def _ranked(cell: DeclaredCell) -> str:
    text = plain(cell)
    if cell.mean is None or not cell.rank:
        return marked_down(text)
    mean = f"{cell.mean:.{cell.metric.digits}f}"
    strong = f"**{mean}**" if cell.rank == "best" else f"<u>{mean}</u>"
    return strong + marked_down(text.removeprefix(mean))


def percent(value: float | None) -> str:
    """Return an improvement; nothing where there is none to tell."""
    return "" if value is None else f"{value:+.1f}"


def as_csv(made: DeclaredTable) -> str:
    """Return a line a cell, each number in a column of its own."""
    buffer = io.StringIO()
    out = csv.writer(buffer, lineterminator="\n")
    out.writerow([
        "row", "data", "metric", "mean", "std", "n", "p_holm", "against", "expected", "within",
        "at_least", "as_expected", "source", "protocol", "why_not",
    ])  # fmt: skip
    for cell in made.cells():
        wanted, mean = cell.expected, cell.mean
        holds = "" if wanted is None or mean is None else str(wanted.holds(mean)).lower()
        limits = (None,) * 3 if wanted is None else wanted.limits
        protocols = dict.fromkeys(str(p) for line in cell.lines if (p := line.get("protocol")))
        out.writerow([
            cell.row.label, cell.data.label, cell.metric.name, *map(_number, (mean, cell.std)),
            len(cell.values) if cell.lines else "", _number(cell.p), cell.against,
            *map(_number, limits), holds, cell.row.source, " ".join(protocols), cell.why,
        ])  # fmt: skip
    return buffer.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def terminal(made: DeclaredTable) -> str:
    """Return the table as text in columns."""
    rows = [[label(made, at), *map(plain, row)] for at, row in enumerate(made.rows)]
    if any(value is not None for value in made.improvement):
        rows.append([BETTER, *map(percent, made.improvement)])
    shown = columns.render(titles(made), rows, made.declared.title, width=220)
    said = [line for line in caption(made) if not line.startswith("Best in bold")]
    return "\n".join([shown, *said, *notes(made)])
