"""The page of a run: one static file with its plots inside, without script or network.

It can be mailed and kept. Whoever has the run folder writes it there (``report.html``).

Every text that comes from data passes through ``escape``: an item may be named anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.report import fonts, refits, tables
from gnnseg.report.html import escape
from gnnseg.report.sections import (
    changes,
    evidence,
    examples,
    figures,
    head,
    learning,
    profiles,
    provenance,
    segments,
    withheld,
)
from gnnseg.report.style import CSS

# what a browser would refuse to do even if some text slipped through
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(folder: Path) -> str:
    """Return a run's page as HTML.

    What a run does not have (segments, figures not yet measured) is left out.

    Raises:
        InputError: ``folder`` is no run folder.
    """
    record = tables.read(folder)
    evaluated = refits.evaluated(record)
    return _page(record, [
        head.header(record),
        head.losing(evaluated),
        head.warnings(record, fonts.warning(folder)),
        withheld.withheld(record),
        head.headline(record, folder),
        figures.metrics(evaluated),
        figures.earnings(evaluated),
        figures.labels(record, folder),
        learning.learning(record, folder),
        segments.segments(folder),
        evidence.by_segment(folder),
        evidence.associations(folder),
        changes.changes(record, folder),
        profiles.cards(folder),
        profiles.attributes(folder),
        examples.examples(folder),
        provenance.data(record),
        provenance.provenance(record),
    ])  # fmt: skip


def _page(record: Mapping[str, Any], body: list[str]) -> str:
    return document(title(record), body)


def document(name: str, body: Sequence[str]) -> str:
    """Return a whole page of some parts, empty ones left out.

    Args:
        name: Its title.
        body: HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )


def title(record: Mapping[str, Any]) -> str:
    """Return the name of the data and of the model."""
    return f"{record['data']['name']}: {head.model_name(record)}"
