"""Audiences as the lines of a batch segment job of Amazon Personalize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.runs.audience import Audience, audience
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError


def write(run: StoredRun, out: Path | str, **asked: Any) -> Path:
    """Write a line of JSON for each item, or one for conditions on items; return the path.

    {"input": {"itemId": "50"}, "output": {"recommendedUsers": ["7", …]}} of an item,
    {"itemAttributes": "category = 'WINE'", "output": …} of conditions; the control group, for which
    the format has no place, is left out.

    Args:
        run: The run.
        out: A name that ends in .jsonl or .json.
        asked: As ``audience`` takes it.

    Raises:
        InputError: It is not about items, or cannot be written.
    """
    path = Path(out).expanduser().absolute()
    if path.suffix.lower() not in (".jsonl", ".json"):
        raise InputError(f"{path}: Amazon Personalize's lines are JSON; end its name in .jsonl.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder; make it or choose another.")
    lines = _of_items(run, **asked) if asked.get("item") else [_of_conditions(run, **asked)]
    with atomic(path) as aside:
        aside.write_text("".join(f"{records.text(line)}\n" for line in lines), "utf-8")
    return path


def _of_items(run: StoredRun, **asked: Any) -> list[dict[str, Any]]:
    items = asked.pop("item")
    found = []
    for item in [items] if isinstance(items, str) else items:
        users = _users(audience(run, item=item, **asked))
        found.append({"input": {"itemId": str(item)}, "output": {"recommendedUsers": users}})
    return found


def _of_conditions(run: StoredRun, **asked: Any) -> dict[str, Any]:
    found = audience(run, **asked)
    if found.asked is None:
        raise InputError(
            "format personalize: its lines are of items; give an item, or where by a column of "
            "items."
        )
    where = asked["where"]
    said = where if isinstance(where, str) else " AND ".join(where)
    return {"itemAttributes": said, "output": {"recommendedUsers": _users(found)}}


def _users(found: Audience) -> list[str]:
    return found.table.filter(~found.table["control"])["user"].to_list()
