"""The page of a declared table: each figure leads to its runs, commands and data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from gnnseg.report import page as pages
from gnnseg.report.declared import forms
from gnnseg.report.declared.cells import DeclaredCell, DeclaredTable
from gnnseg.report.declared.results import Line
from gnnseg.report.html import Cell, Heading, definitions, escape, fold, grid


def written(made: DeclaredTable) -> str:
    """Return the page as HTML."""
    titles = forms.titles(made)
    columns = [Heading(title or "row", text=not at) for at, title in enumerate(titles)]
    rows = [
        [Cell(escape(forms.label(made, at)), forms.label(made, at)),
         *(_cell(made, cell) for cell in row)]
        for at, row in enumerate(made.rows)
    ]  # fmt: skip
    if any(value is not None for value in made.improvement):
        better = [Cell(escape(forms.percent(value)), value) for value in made.improvement]
        rows.append([Cell(escape(forms.BETTER)), *better])
    sentences = [*forms.caption(made), *forms.notes(made)]
    said = "".join(f'<p class="soft">{escape(each)}</p>' for each in sentences)
    name = made.declared.name
    return pages.document(
        f"table {name}",
        [
            f'<header><p class="eyebrow">gnnseg · table</p><h1>{escape(made.declared.title)}</h1>'
            "</header>",
            f'<section aria-labelledby="table"><h2 id="table">{escape(name)}</h2>'
            f"{grid(made.declared.title, columns, rows)}{said}</section>",
            f'<section aria-labelledby="runs"><h2 id="runs">The runs</h2>{_runs(made)}</section>',
        ],
    )


def _anchor(made: DeclaredTable, cell: DeclaredCell) -> str:
    row, data = made.declared.rows.index(cell.row), made.declared.data.index(cell.data)
    return f"cell-{row + 1}-{data + 1}"


def _cell(made: DeclaredTable, cell: DeclaredCell) -> Cell:
    text = escape(forms.plain(cell))
    text = {"best": f"<b>{text}</b>", "second": f"<u>{text}</u>"}.get(cell.rank, text)
    if cell.lines:
        text = f'<a href="#{_anchor(made, cell)}">{text}</a>'
    return Cell(text, cell.mean)


def _runs(made: DeclaredTable) -> str:
    """Return each cell's runs, one part a row and data set."""
    parts = []
    for row in made.rows:
        for cell in row:
            if cell.lines and cell.metric is made.declared.metrics[0]:
                title = f"{cell.row.label} on {cell.data.label}"
                runs = "".join(map(_run, cell.lines))
                settings = _settings(cell.lines[0].get("config") or {})
                parts.append(
                    f'<div id="{_anchor(made, cell)}"><h3>{escape(title)}</h3>{runs}'
                    f"{fold('Its configuration', settings)}</div>"
                )
    return "".join(parts) or '<p class="soft">None yet.</p>'


def _run(line: Line) -> str:
    seconds = (line.get("seconds") or {}).get("total")
    pairs = [
        ("command", f"gnnseg train {shlex.join(line['overrides'])}"),
        ("run", line.get("run")),
        ("hash", line.get("hash")),
        ("data fingerprint", line.get("fingerprint")),
        ("definitions (numerics)", line.get("numerics")),
        ("seconds", None if seconds is None else f"{seconds:.1f}"),
        ("machine", _machine(line.get("machine"))),
    ]
    return definitions(pairs)


def _machine(machine: Any) -> str:
    if not isinstance(machine, Mapping):
        return str(machine or "")
    return ", ".join(f"{key} {value}" for key, value in machine.items() if value is not None)


def _settings(config: Mapping[str, Any]) -> str:
    found: list[tuple[str, str]] = []

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping) and node:
            for key, value in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            found.append((prefix, json.dumps(node, ensure_ascii=False)))

    walk("", config)
    return definitions(found)
