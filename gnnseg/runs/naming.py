"""Names that people give to segments, in a file: read, written, and put into a run's folder.

What is in the file is given by people: no made name takes its place, and a run that continues
another keeps it (``segments.since``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.runs import durable, export, summary
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

YAML = (".yaml", ".yml")
KEYS = ("id", "segment", "number")  # columns that may say which segment a row is of
Say = Callable[[str], None]
HEAD = (
    "# Names of segments: numbers or durable ids with names. gnnseg segments RUN --names {file}\n"
    "# puts them into the run, segments.names={file} into later ones; '' takes a name away.\n"
)


def read(path: Path | str) -> dict[str, str]:
    """Return names by number or durable id, of YAML or of a table with a column ``name``.

    Raises:
        InputError: The file is not there, or says something else.
    """
    path = Path(path).expanduser()
    rows = _of_yaml(path) if path.suffix.lower() in YAML else _of_table(path)
    found: dict[str, str] = {}
    for key, name in rows:
        if name is not None and not isinstance(name, str):
            raise InputError(f"{path}: the name of {key} is {name!r}; put a name into quotes.")
        if str(key) in found:
            raise InputError(f"{path}: segment {key} is named twice; leave one.")
        found[str(key)] = durable.checked((name or "").strip())
    return found


def _of_yaml(path: Path) -> list[tuple[Any, Any]]:
    import yaml

    from gnnseg.data.tables import formats

    formats.exists(path)
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"{path}: is no YAML ({why}); write lines such as 3: Night owls") from None
    if content is None:
        return []
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds no names by segment; write lines such as 3: Night owls")
    return list(content.items())


def _of_table(path: Path) -> list[tuple[Any, Any]]:
    from gnnseg.data.tables import beside, doors

    with doors.saved_anew():
        frame = beside.table(path).frame
    frame = frame.rename({name: name.strip().lower() for name in frame.columns})
    keys = [name for name in KEYS if name in frame.columns]
    if "name" not in frame.columns or not keys:
        raise InputError(
            f"{path}: has the columns {', '.join(frame.columns)}; it needs name, and id or segment "
            "(--names-out writes such a file)."
        )
    text = frame.select(pl.col(c).cast(pl.String).str.strip_chars() for c in [*keys, "name"])
    key = pl.coalesce(pl.when(pl.col(c) != "").then(c) for c in keys)
    bare = pl.col("name").str.replace(r"^'([=+\-@])", "${1}")  # as --names-out guards them
    return text.select(key=key, name=bare).drop_nulls("key").rows()


def write(run: StoredRun, path: Path | str) -> Path:
    """Write a run's names as YAML or CSV, to be edited and read again; return the path.

    Raises:
        InputError: Its ending is another, or it cannot be written.
    """
    path = Path(path).expanduser()
    frame = summary.of(run)
    if path.suffix.lower() in YAML:
        content = _yaml(frame, path.name)
    elif path.suffix.lower() == ".csv":
        content = _csv(frame)
    else:
        raise InputError(f"--names-out {path}: name a file that ends in .yaml or .csv.")
    try:
        with atomic(path) as aside:
            aside.write_text(content, "utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from None
    return path


def _yaml(frame: pl.DataFrame, name: str) -> str:
    import yaml

    lines = [HEAD.format(file=name)]
    for row in frame.iter_rows(named=True):
        entry = yaml.safe_dump({row["id"]: row["name"]}, allow_unicode=True, width=10**6).strip()
        said = ", ".join(row["telling"]) or "nothing stands out"
        made = "made" if row["made"] else "given"
        lines.append(f"{entry}  # {row['segment']}: {row['people']:,} people, {made}; {said}\n")
    return "".join(lines)


def _csv(frame: pl.DataFrame) -> str:
    """Return the names as a spreadsheet opens them: no cell is run as a formula."""
    told = pl.col("telling").list.join(", ")
    rows = frame.select("segment", "id", "name", "people", told)
    return export.without_formulas(rows).write_csv()


def asked_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the file that ``segments.names`` names; nothing where it names none."""
    path = config["segments"].get("names")
    return {} if path is None else read(str(path))


def call(run: StoredRun, given: Mapping[str, str]) -> None:
    """Name segments of a finished run, and the same ones of its refit, or of what it is a refit of.

    Args:
        run: The run.
        given: Names by number or durable id; an empty one takes a name away.

    Raises:
        InputError: There is no such segment, or the name is too long.
    """
    before = durable.of(run)
    durable.call(run, given)
    by_id = {each.id: given[key] for n, each in enumerate(before, 1)
             for key in (str(n), each.id) if key in given}  # fmt: skip
    summary.renew(run.path)
    other = RunFolder(_twin(run.path))
    if not other.file("groups.parquet").exists():
        return
    twin = StoredRun(other.path)
    known = {each.id for each in durable.of(twin)}
    if twin.state == "finished" and known & set(by_id):
        durable.call(twin, {id: name for id, name in by_id.items() if id in known})
        summary.renew(twin.path)


def _twin(path: Path) -> Path:
    """Return where the refit of a run lies, or the run of a refit."""
    from gnnseg.runs.refit import SUFFIX

    name = path.name
    return path.with_name(name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name + SUFFIX)


def put(folder: RunFolder, given: Mapping[str, str], say: Say) -> bool:
    """Name the segments of a run's folder, which is held; return whether anything changed.

    A file may name segments that a run does not have, such as those dissolved since: they are said.
    """
    if not given or not folder.file("groups.parquet").exists():
        return False
    before = durable.of(StoredRun(folder.path))
    known = {key for n, each in enumerate(before) for key in (str(n + 1), each.id)}
    if others := [key for key in given if key not in known]:
        say(f"segments.names: this run has no segment {', '.join(others)}; left out")
    after = durable.named(before, {key: name for key, name in given.items() if key in known}, "")
    if after != before:
        durable.write(folder, after)
    return after != before


def as_asked(path: Path, config: Mapping[str, Any], say: Say) -> None:
    """Bring names and currency of a finished run to what a configuration asks for.

    They alter no figure and no run's name, so that the same command finds the run again.
    """
    folder, given = RunFolder(path), asked_of(config)
    currency, record = config["data"].get("currency"), folder.read_json()
    other = currency is not None and record["data"].get("currency") != currency
    if not other and not _differ(folder, given):
        return
    with folder.locked():
        if other:
            folder.amend({"data": {**record["data"], "currency": currency}})
        put(folder, given, say)
        summary.renew(path)
    say(f"names and currency are as asked for now: {path}")


def _differ(folder: RunFolder, given: Mapping[str, str]) -> bool:
    if not given or not folder.file("groups.parquet").exists():
        return False
    now = durable.of(StoredRun(folder.path))
    return any(
        (each.name or "") != given.get(each.id, given.get(str(n + 1), each.name or ""))
        for n, each in enumerate(now)
    )
