"""The page of a run: one static file with its charts inside, without network.

From the top: a sentence and a picture; the segments; where people stand; what changed; what to do;
find a customer; folded up, what model builders want. It can be mailed and kept. Whoever has the run
folder writes it there (``report.html``).

Every text that comes from data passes through ``escape``: an item may be named anything. One script
of ours may run, named by its digest: it sorts, filters and searches, and all is readable without.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from gnnseg.report import fonts, tables
from gnnseg.report.html import escape
from gnnseg.report.sections import (
    actions,
    changes,
    customers,
    evidence,
    examples,
    figures,
    head,
    landscape,
    learning,
    memberships,
    profiles,
    provenance,
    segments,
    verdict,
    withheld,
)
from gnnseg.report.style import CSS, SCRIPT, digest
from gnnseg.report.subject import Subject

# what a browser would refuse to do even if some text slipped through
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(folder: Path, people: bool | None = None, lists: pl.DataFrame | None = None) -> str:
    """Return a run's page as HTML.

    What a run does not have (segments, figures not yet measured) is left out.

    Args:
        folder: The run's.
        people: Whether single people, and groups however small, may be shown; None: as the run's
            settings say (report.people).
        lists: What to recommend to everybody, as ``Run.recommend`` returns it; None: to those whose
            lists the folder has.

    Raises:
        InputError: ``folder`` is no run folder.
    """
    record = tables.read(folder)
    run = Subject(folder, record, shows_people(record) if people is None else people, lists)
    return document(title(run), [
        head.losing(run.evaluated),
        verdict.verdict(run),
        verdict.refit(run),
        withheld.withheld(record),
        head.warnings(record, fonts.warning(folder)),
        segments.segments(run),
        landscape.landscape(run),
        changes.changes(run),
        actions.actions(run),
        customers.customers(run),
        _builders(run),
    ])  # fmt: skip


def shows_people(record: object) -> bool:
    """Return whether a run's settings say that its page may show single people."""
    config = record["config"] if isinstance(record, dict) else {}
    return bool((config.get("report") or {}).get("people", False))


def _builders(run: Subject) -> str:
    """Return what model builders want, folded up."""
    folder, record = run.folder, run.record
    parts = [
        figures.metrics(run.evaluated),
        figures.earnings(run.evaluated),
        figures.labels(record, folder),
        learning.learning(record, folder),
        memberships.memberships(run),
        memberships.stable(run),
        evidence.by_segment(run),
        evidence.associations(folder),
        profiles.attributes(folder),
        examples.examples(run),
        provenance.data(record),
        provenance.provenance(record),
    ]
    return (
        '<section aria-labelledby="builders" class="builders"><h2 id="builders">For model builders'
        f"</h2>{head.model(record)}{head.headline(record, folder)}{''.join(parts)}</section>"
    )


def document(name: str, body: Sequence[str], *, script: bool = True) -> str:
    """Return a whole page of some parts, empty ones left out.

    Args:
        name: Its title.
        body: HTML.
        script: Whether the page's script comes along.
    """
    policy = f"{POLICY}; script-src '{digest(SCRIPT)}'" if script else POLICY
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>"
        + (f"<script>{SCRIPT}</script>" if script else "")
        + "</body></html>\n"
    )


def title(run: Subject) -> str:
    """Return the name of the data and of the model."""
    return f"{run.record['data']['name']}: {head.model_name(run.record)}"
