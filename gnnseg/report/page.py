"""The page of a run: one static file with its plots inside, without script or network: it can be
mailed and kept.

Every text that comes from data passes through ``escape``: an item may be named anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnseg.report import fonts, sections, tables
from gnnseg.report.html import escape
from gnnseg.report.style import CSS

# what a browser would refuse to do even if some text slipped through
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(folder: Path) -> Path:
    """report.html in a run's folder, written aside and renamed; its path. InputError where this is
    no run folder."""
    path = Path(folder).absolute() / "report.html"
    content = render(Path(folder).absolute())
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_text(content, "utf-8")
        os.replace(aside, path)
    except OSError as error:
        from gnnseg.types import InputError

        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        aside.unlink(missing_ok=True)
    return path


def cell(folder: Path, height: int = 640) -> str:
    """What a notebook shows of a run: figures and segments in a frame of their own, so that styles
    do not mix."""
    path = Path(folder).absolute()
    record = tables.read(path)
    parts = [sections.header(record), sections.warnings(record), sections.headline(record, path), sections.metrics(record),
             sections.segments(path), sections.cards(path)]  # fmt: skip
    return f'<iframe srcdoc="{escape(_page(record, parts))}" style="width:100%;height:{height}px;border:0"></iframe>'


def render(folder: Path) -> str:
    """The page's text. What a run does not have (segments, figures not yet measured) is left out."""
    record = tables.read(folder)
    return _page(record, [
        sections.header(record),
        sections.warnings(record, fonts.warning(folder)),
        sections.headline(record, folder),
        sections.metrics(record),
        sections.earnings(record),
        sections.labels(record, folder),
        sections.learning(record, folder),
        sections.segments(folder),
        sections.cards(folder),
        sections.attributes(folder),
        sections.examples(folder),
        sections.data(record),
        sections.provenance(record),
    ])  # fmt: skip


def _page(record: Mapping[str, Any], body: list[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title(record))}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )


def title(record: Mapping[str, Any]) -> str:
    return f"{record['data']['name']}: {sections.model_name(record)}"
