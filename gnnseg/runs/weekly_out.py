"""What a weekly hands out: members, audiences and the page, all of them or none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.data.tables import formats
from gnnseg.runs import campaign, databases, export, members
from gnnseg.runs.stored import StoredRun
from gnnseg.runs.weekly_file import FILES, Weekly
from gnnseg.types import InputError

Say = Callable[[str], None]


def refuse_unwritable(weekly: Weekly) -> None:
    """Refuse, before anything is done, what cannot be written, and files that are not there.

    Raises:
        InputError: A file or folder is not there, a kind of file is unknown, or two have one place.
    """
    for each in weekly.audiences:
        export.refuse_unwritable(each.out, excel=each.excel)
        for name in FILES:
            if name in each.asked:
                formats.exists(Path(each.asked[name]))
    if weekly.members is not None:
        export.refuse_unwritable(weekly.members)
    if weekly.page is not None and not _place(weekly.page).parent.is_dir():
        raise InputError(f"{Path(weekly.page).parent}: no such folder; make it or choose another.")
    places = [_where(each.out, each.table) for each in weekly.audiences]
    places += [_where(weekly.members, weekly.table)] * (weekly.members is not None)
    places += [_where(weekly.page, "")] * (weekly.page is not None)
    for place in places:
        if places.count(place) > 1:
            raise InputError(f"{place[0]}: two things would be written there; name another place.")


def hand_out(weekly: Weekly, serves: Path, say: Say) -> None:
    """Write all that is handed out: files are ready beside their places before any takes its.

    A table of a database is replaced in one transaction of its own, tables after all files are
    ready.
    """
    run, said = StoredRun(serves), []
    tables: list[tuple[pl.DataFrame, str, str]] = []
    with contextlib.ExitStack() as stack:
        for each in weekly.audiences:
            found = campaign.read(run, **each.asked)
            said += [f"{each.out}: {line}" for line in campaign.sentences(found)]
            if databases.is_url(each.out):
                tables.append((found.table, each.out, each.table))
            else:
                stack.enter_context(export.ready(found.table, each.out, excel=each.excel))
        if weekly.page is not None:
            aside = stack.enter_context(atomic(_place(weekly.page)))
            aside.write_bytes((serves / "report.html").read_bytes())
        for frame, url, table in tables:
            said.append(f"audience: {export.write(iter([frame]), url, table=table)}")
        if weekly.members is not None:
            where = members.write(run, weekly.members, columns=weekly.columns, table=weekly.table)
            said.append(f"members: {where}")
    for line in said:
        say(line)
    if weekly.page is not None:
        say(f"page: {_place(weekly.page)}")


def _place(out: str) -> Path:
    return Path(out).expanduser().absolute()


def _where(out: str | None, table: str) -> tuple[str, str]:
    if databases.is_url(out):
        return str(out), table
    return str(_place(str(out))), ""
