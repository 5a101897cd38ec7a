"""How each door calls a setting of the data: an option of the command, an argument in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gnnseg.data.tables import typed
from gnnseg.types import InputError, Setting

OPTIONS = (*(name for name in typed.NAMES if name != "sql"),)
FORMS = "+data.forms."
ARGUMENTS = (
    *(*typed.COLUMNS, *typed.TABLES, "item_title", "decimal", "dates", "returns", "on_error"),
    *("basket", "unique", "keep", "time_as", "zeros"),
    *("users_id", "items_id", "missing_ids"),
)


def option(setting: Setting) -> str:
    """Return the setting as ``gnnseg train FILE`` takes it: ``--dates dmy``; else as it is."""
    key, value = setting.key, setting.value
    if key.startswith(FORMS):
        key = "data." + key.removeprefix(FORMS).replace(".", "_")
    group, _, name = key.partition(".")
    if group == "data" and name == "path" and value is not None:
        return value
    if group != "data" or name not in (*OPTIONS, "query"):
        return str(setting)
    flag = typed.flag("sql" if name == "query" else name)
    return flag if value is None else f"{flag} {value}"


def argument(setting: Setting) -> str:
    """Return the setting as ``gnnseg.interactions`` takes it: ``dates=dmy``; else as it is."""
    group, _, name = setting.key.partition(".")
    if group == "log":
        return f"a column {name!r} in log"
    ours = group == "data" and name in ARGUMENTS
    return str(Setting(name, setting.value) if ours else setting)


@contextmanager
def saved_anew(*known: str) -> Iterator[None]:
    """Raise errors of a small file, which no setting can help, with what else does.

    Args:
        known: Keys of settings that there are.
    """
    try:
        yield
    except InputError as error:
        keys: list[str] = []
        error.said(lambda setting: keys.append(setting.key) or "")  # type: ignore[func-returns-value]
        if keys and not set(keys) & set(known):
            advice = "save it as UTF-8 CSV, separated by commas (Excel: CSV UTF-8)"
            error = InputError(where=error.where, problem=error.problem, advice=advice)
        raise error.said(option) from None


@contextmanager
def errors_said(name: Callable[[Setting], str], *, note: str = "") -> Iterator[None]:
    """Raise each InputError from within with its settings called by ``name``.

    Args:
        name: One of this module's functions.
        note: Stands at the end of every sentence.
    """
    try:
        yield
    except InputError as error:
        said = error.said(name)
        if note:
            said = InputError(where=said.where, problem=said.problem, advice=said.advice + note)
        raise said from None
