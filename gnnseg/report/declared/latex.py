"""A declared table for a paper: LaTeX with booktabs, no wider than a page of two columns.

It needs the packages booktabs and graphicx. Data sets that do not fit beside each other stand in
panels, one below the other; a panel that is still too wide is scaled down.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gnnseg.report.declared import forms
from gnnseg.report.declared.cells import DeclaredCell, DeclaredTable
from gnnseg.report.table_forms import PAPER, latex

ONE_COLUMN = 3  # figures beside each other that fit into one of two columns
PANEL = 8  # that fit across both
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def written(made: DeclaredTable) -> str:
    """Return the table as a float."""
    many = len(made.declared.data) * len(made.declared.metrics)
    kind = "table" if many <= ONE_COLUMN else "table*"
    said = " ".join([made.declared.title.rstrip(".") + ".", *forms.caption(made)])
    label = re.sub(r"[^A-Za-z0-9-]+", "-", made.declared.name)
    return "\n".join([
        "% needs \\usepackage{booktabs,graphicx}",
        rf"\begin{{{kind}}}[t]",
        r"\centering\small",
        rf"\caption{{{latex(said)}}}",
        rf"\label{{tab:{label}}}",
        "\\par\\medskip\n".join(_panel(made, panel) for panel in _panels(made)),
        *(rf"\par\smallskip\footnotesize {latex(note)}" for note in forms.notes(made)),
        rf"\end{{{kind}}}",
        "",
    ])  # fmt: skip


def _panels(made: DeclaredTable) -> list[list[int]]:
    """Return the data sets of each panel, by number."""
    a_panel = max(1, PANEL // len(made.declared.metrics))
    every = list(range(len(made.declared.data)))
    return [every[at : at + a_panel] for at in range(0, len(every), a_panel)]


def _panel(made: DeclaredTable, panel: Sequence[int]) -> str:
    wide = len(made.declared.metrics)
    columns = [n * wide + m for n in panel for m in range(wide)]
    heads, rules = [], []
    for at, n in enumerate(panel):
        data = made.declared.data[n]
        title = latex(data.label + PAPER * (data.protocol == "paper"))
        heads.append(rf"\multicolumn{{{wide}}}{{c}}{{{title}}}")
        rules.append(rf"\cmidrule(lr){{{2 + at * wide}-{1 + (at + 1) * wide}}}")
    metrics = [latex(metric.label) for metric in made.declared.metrics] * len(panel)
    lines = [
        FIT,
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}",
        r"\toprule",
        _line(["", *heads]),
        "".join(rules),
        _line(["", *metrics]),
        r"\midrule",
        *(
            _line([latex(forms.label(made, at)), *(_cell(row[n]) for n in columns)])
            for at, row in enumerate(made.rows)
        ),
    ]
    better = [made.improvement[n] for n in columns]
    if any(value is not None for value in better):
        lines += [r"\midrule", _line([latex(forms.BETTER), *map(_percent, better)])]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}"])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: DeclaredCell) -> str:
    if cell.mean is None:
        return latex(forms.plain(cell))
    digits = cell.metric.digits
    mean = f"{cell.mean:.{digits}f}"
    mean = {"best": rf"\textbf{{{mean}}}", "second": rf"\underline{{{mean}}}"}.get(cell.rank, mean)
    raised = r"\dagger" * cell.paper + cell.mark.replace("−", "-")
    mark = f"$^{{{raised}}}$" if raised else ""
    spread = "" if cell.std is None else rf"\,{{\scriptsize$\pm${cell.std:.{digits}f}}}"
    return mean + mark + spread


def _percent(value: float | None) -> str:
    return "" if value is None else f"${forms.percent(value)}$"
