"""An audience asked for by files and words: as a command line and a weekly's file have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gnnseg.data.tables import doors, id_lists
from gnnseg.report import scores
from gnnseg.runs import audience, people
from gnnseg.runs.audience import Audience
from gnnseg.runs.stored import StoredRun


def read(run: StoredRun, **asked: Any) -> Audience:
    """Return an audience; see ``resolved``."""
    return audience.audience(run, **resolved(run, **asked))


def resolved(
    run: StoredRun,
    *,
    users: Path | str | None = None,
    users_id: str | None = None,
    exclude: Path | str | None = None,
    exclude_by: str | None = None,
    **asked: Any,
) -> dict[str, Any]:
    """Return what ``audience.audience`` takes, with what files hold.

    Args:
        run: The run.
        users: A file about people by id.
        users_id: Its column of ids; None: found.
        exclude: A file of people who are left out.
        exclude_by: The column of people that it lists, such as their e-mail; None: their ids.
        **asked: The rest of what ``audience.audience`` takes.
    """
    known, listed = None, None
    if users is not None:
        with doors.saved_anew("data.users_id"):
            known = people.given(run, str(users), users_id)
    if exclude is not None:
        values = people.column(people.people(run, known), exclude_by or "user")
        with doors.saved_anew():
            listed = id_lists.read(Path(exclude), values, exclude_by or "user")
    key = None if known is None else "user"
    return {
        **asked, "users": known, "users_id": key, "exclude": listed, "exclude_by": exclude_by
    }  # fmt: skip


def sentences(found: Audience) -> list[str]:
    """Return the sentences that stand over an audience."""
    count, control = len(found.table), int(found.table["control"].sum())
    held = found.table.filter("control")["chance"].sum()
    within = f"within {found.days:g} days" if found.days else "in as long as the data took"
    of = "" if count == found.eligible else f" of {found.eligible:,}"
    lines = [f"{found.words}: {count:,} people{of}"]
    if found.trusted:  # an order alone sums up to nothing
        lines.append(
            f"expected buyers {within}: {found.buyers:,.1f} ({found.buyers / count:.1%}); "
            f"of everyone ranked {found.everyone:,.1f} ({found.everyone / found.eligible:.1%})"
        )
    if control:
        without = f", {held:,.1f} buyers expected without the campaign" if found.trusted else ""
        lines.append(
            f"control group: {control:,} people drawn at random{without}; do not contact them "
            "(control is true)"
        )
    elif found.control > 0:
        lines.append(
            f"control group: of so few nobody was drawn at {found.control:g} a person; another "
            "seed or a larger share draws some"
        )
    if found.days is None:
        lines.append(
            "the data has no times: how often people come is how often they came in all of it"
        )
    if not found.trusted:
        lines.append(scores.ORDER)
    return lines
