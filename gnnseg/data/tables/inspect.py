"""What ``gnnseg data list | check | stats`` print: plain text for people, made of what was read."""

from __future__ import annotations

from gnnseg.data.sets.fetching import Place
from gnnseg.data.sets.layouts import Layout
from gnnseg.data.sets.registry import SOURCES
from gnnseg.data.tables.checking import check, checked
from gnnseg.data.tables.stats import stats

__all__ = ["check", "checked", "list_sets", "stats"]


def list_sets(place: Place) -> str:
    """Return the named sets: what they are, who brings them, on what terms, and where they lie."""
    lines = []
    for name, source in SOURCES.items():
        lines += [
            f"{name:<16} {source.title}",
            f"{'':<16} from {_origin(source.layouts)}; {source.terms}",
        ]
        if (found := place.there(name)) is not None:
            lines.append(f"{'':<16} is in {found[0].absolute()}")
    lines.append(
        f"{'planted':<16} drawn, with known segments: data.model=mixture|blocks|lda, "
        "data.preset=easy|medium|hard, data.segments …"
    )
    lines.append(
        f"{'file':<16} your own: gnnseg train FILE --user COLUMN --item COLUMN (first: gnnseg data "
        "check FILE)"
    )
    return "\n".join(lines)


def _origin(layouts: tuple[Layout, ...]) -> str:
    found = []
    for layout in layouts:
        if layout.package is not None:
            found.append(f"the package {layout.package.name} {layout.package.version}")
        if layout.archive is not None:
            found.append(layout.archive.url)
        if layout.package is None and layout.archive is None:
            found.append(str(layout.files[0].url).rsplit("/", 1)[0])
    return " or ".join(found)
