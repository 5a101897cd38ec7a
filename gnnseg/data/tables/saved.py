"""``gnnseg train FILE --user COLUMN …``: plain options in, a configuration of the data out.

The configuration is saved as YAML where the command is typed, so that ``data=./orders.yaml`` finds
the same data again, in sweeps too. Hydra finds a copy of it, in a folder named by its content.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.data.held_out import share_of
from gnnseg.data.tables import folders, typed
from gnnseg.data.tables.typed import TABLES, TypedArguments, expanded
from gnnseg.types import InputError

PATHS = ("path", "train", "valid", "test", *TABLES)
WORDS = {"null", "true", "false", "yes", "no", "on", "off", "nan", "inf"}  # no text to YAML, Hydra
SQLITE = "sqlite:///"
READING = "  reading:  # how the files were read; delete it to have this recognised anew\n"
WIDTH = 10**6  # of a line of YAML: none is broken


@dataclass(frozen=True)
class ResolvedArguments:
    """Arguments for Hydra, and the folders where it finds what they name.

    ``saved``: the YAML of the files that were typed, if they were; ``fresh``: it was written now.
    """

    arguments: list[str]
    folders: list[Path]
    saved: Path | None = None
    fresh: bool = False


def resolve(
    arguments: Sequence[str], cache: Path, *, say: Callable[[str], None]
) -> ResolvedArguments:
    """Turn every file of data among the arguments into ``data=NAME``.

    Args:
        arguments: As typed behind ``gnnseg train``, or ``data=./orders.yaml``.
        cache: The folder in which Hydra's copies are kept.
        say: Takes a line on where the configuration was saved.

    Raises:
        InputError: An argument that names no file or no option, or a file that is no data.
    """
    given = typed.sort(arguments)
    rest, folders = _configurations(given.rest, cache)
    if not (given.files or set(typed.SQL) & set(given.options)):
        if given.options:
            option = typed.flag(next(iter(given.options)))
            raise InputError(
                f"{option}: says how to read a file; name the file too, as in gnnseg train "
                f"orders.csv {option} …"
            )
        return ResolvedArguments(rest, folders)
    typed.refuse_missing(given.files)
    if both := next((each for each in rest if re.match(r"[+~]*data=", each)), None):
        named = given.files[0] if given.files else "--sql"
        raise InputError(f"{both}: {named} is named too; give one of the two.")
    saved, fresh = save(given, Path.cwd(), say=say)
    name, folder = _adopt(saved, cache, reading=False)
    return ResolvedArguments([f"data={name}", *rest], [*folders, folder], saved, fresh)


def cache_root(given: Sequence[str]) -> Path:
    """Return cache.root, as far as it is known before anything is composed."""
    import platformdirs

    named = [a.partition("=")[2] for a in given if a.startswith("cache.root=")]
    root = Path(named[-1] if named else platformdirs.user_cache_dir("gnnseg"))
    return root.expanduser().absolute()


def save(given: TypedArguments, folder: Path, *, say: Callable[[str], None]) -> tuple[Path, bool]:
    """Write the configuration as YAML into the folder; return its path, and whether it is new.

    Its name is ASCII; a file with other content is never written over.
    """
    import yaml

    base = "sql" if {"sql", "connect"} & set(given.options) else "file"
    stem = "sql" if base == "sql" else Path(given.files[0]).name.split(".")[0]
    data = settings_of(given, folder)
    slug = _slug(stem)
    content = {"defaults": [base, "_self_"], "data": _unresolved({"name": slug, **data})}
    body = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=WIDTH)
    digest = hashlib.sha256(body.encode()).hexdigest()
    for place in (folder / f"{slug}.yaml", folder / f"{slug}-{digest[:8]}.yaml"):
        if not place.exists():
            with atomic(place) as aside:
                aside.write_text(f"# @package _global_\n{_comment(given)}{body}", "utf-8")
            say(
                f"how these data are read is saved: data=./{place.name} finds them again, "
                "in sweeps too"
            )
            return place, True
        if _body(place) == body:
            return place, False
    raise InputError(f"{folder / slug}.yaml: stands there with other content; move it away.")


def settings_of(given: TypedArguments, folder: Path) -> dict[str, Any]:
    """Return the settings of the data that files and plain options stand for.

    ``folder``: paths below it are named as seen from there.
    """
    of_database = {"sql", "connect"} & set(given.options)
    data = _database(given, folder) if of_database else _files(given, folder)
    for name, value in given.options.items():
        if name in typed.OWN:
            table, key = typed.OWN[name]
            data.setdefault("forms", {}).setdefault(table, {})[key] = value
        elif name not in (*typed.SQL, *typed.PARTS):
            data[name] = _relative(value, folder) if name in TABLES else value
    return data


def _files(given: TypedArguments, folder: Path) -> dict[str, Any]:
    """Return the settings that name the files."""
    typed.refuse_missing(given.files)
    files, parts = folders.split(given.files) or (given.files, {})
    paths = [_relative(name, folder) for name in files]
    parts |= {name: given.options[name] for name in typed.PARTS if name in given.options}
    if not parts:
        return {"path": paths[0] if len(paths) == 1 else paths}
    lacking = next((name for name in typed.PARTS if name not in parts), None)
    if lacking is not None or len(paths) > 1:
        raise InputError(
            f"--{next(iter(parts))}: a given split is one FILE to train on, --valid FILE and "
            f"--test FILE; {f'add --{lacking}' if lacking else 'name one FILE'}."
        )
    return {"train": paths[0]} | {n: share_of(p) or _relative(p, folder) for n, p in parts.items()}


def _database(given: TypedArguments, folder: Path) -> dict[str, Any]:
    """Return the settings of ``--sql`` and ``--connect``, which go together."""
    if "sql" not in given.options:
        raise InputError("--connect: what to read from the database? Add --sql 'select …'.")
    if given.files:
        raise InputError("--sql: a file is named too; give one of the two.")
    if "connect" not in given.options:
        raise InputError(
            "--sql: where is the database? Add --connect, such as --connect sqlite:///shop.db"
        )
    address = _without_password(given.options["connect"])
    if match := re.fullmatch(rf"{SQLITE}(?!:memory:)(.+)", address):
        address = SQLITE + _relative(match[1], folder)
    return {"query": given.options["sql"], "connect": address}


def _comment(given: TypedArguments) -> str:
    """Return the command, commented out; an address of a database is left out."""
    words = ["--sql", "…"] if "connect" in given.options else map(shlex.quote, typed.again(given))
    command = " ".join(["gnnseg train", *words])
    return "".join(f"# {line}\n" for line in command.split("\n"))


def _body(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return ""
    return "".join(line for line in lines if not line.startswith("#")).partition(READING)[0]


def remember(saved: Path, run: Path) -> None:
    """Write down how a run's files were read, at the end of the YAML that names them.

    Args:
        saved: The YAML, as ``save`` wrote it.
        run: The run's folder; what is none is left alone.
    """
    import yaml

    try:
        record = records.parsed((run / "run.json").read_text("utf-8"))
        reading = record["data"]["notes"]["reading"]
        text = saved.read_text("utf-8")
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not reading:
        return
    block = yaml.safe_dump(_unresolved(reading), allow_unicode=True, sort_keys=False, width=WIDTH)
    lines = "".join(f"    {line}\n" for line in block.splitlines())
    told, _, before = text.partition(READING)
    if lines != before:
        with atomic(saved) as aside:
            aside.write_text(f"{told}{READING}{lines}", "utf-8")


def _unresolved(value: Any) -> Any:
    """Return text with '${' in it as OmegaConf takes it for text."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + r"\${", value)
    if isinstance(value, dict):
        return {key: _unresolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unresolved(item) for item in value]
    return value


def _relative(name: str, folder: Path) -> str:
    """Return a path as seen from the YAML's folder where it lies below it, else in full."""
    path = Path(os.path.abspath(expanded(name)))
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _slug(text: str) -> str:
    """Return an ASCII name for files and folders.

    Accents are dropped; what has no ASCII letters is named by its hash.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    reserved = {path.stem for path in _packaged()}
    if len(slug) < 2 or len(slug) * 2 < len(text):
        slug = f"data-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    odd = slug in reserved or slug in WORDS or not slug[0].isalpha()
    return f"my-{slug[:60]}" if odd else slug[:60]


def _packaged() -> list[Path]:
    from gnnseg.config import conf_folder

    return list((conf_folder() / "data").glob("*.yaml"))


def _without_password(address: str) -> str:
    """Move the password from the address to the environment, so that no file ever holds it."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    os.environ["PGPASSWORD"] = unquote(parts.password)
    user, host = parts.netloc.rsplit("@", 1)
    return urlunsplit(parts._replace(netloc=f"{user.split(':')[0]}@{host}"))


def _configurations(arguments: Sequence[str], cache: Path) -> tuple[list[str], list[Path]]:
    """Return the arguments, ``data=./orders.yaml`` as ``data=NAME``, and the copies' folders."""
    rest: list[str] = []
    folders: list[Path] = []
    for argument in arguments:
        names: list[str] = []
        for one in _sets_of(argument):
            if not isinstance(one, Path):
                names.append(one)
                continue
            name, folder = _adopt(one, cache)
            if name in names:
                raise InputError(f"{argument}: two are called {one.name}; rename one.")
            names.append(name)
            folders.append(folder)
        rest.append(f"data={','.join(names)}" if names else argument)
    return rest, folders


def _sets_of(argument: str) -> list[Path | str]:
    """Return what ``data=./orders.yaml,planted`` names, files as paths; nothing where none is."""
    match = re.fullmatch(r"data=(?:choice\()?(.+?)\)?", argument)
    if match is None or not re.search(r"\.ya?ml\b", match[1]):
        return []
    whole = match[1].strip("'\"")
    words = [one.strip().strip("'\"") for one in match[1].split(",")]
    found: list[Path | str] = []
    for word in [whole] if expanded(whole).is_file() else words:
        if not re.search(r"\.ya?ml$", word):
            found.append(word)
        elif expanded(word).is_file():
            found.append(expanded(word))
        else:
            raise InputError(f"data={word}: no such file; `gnnseg train FILE --user …` writes one.")
    return found


def _adopt(path: Path, cache: Path, *, reading: bool = True) -> tuple[str, Path]:
    """Copy a YAML of data to where Hydra looks; return its name there, and the folder.

    ``reading``: how its files were read before stays.
    """
    import yaml

    content = _read(path)
    if not reading:
        content["data"].pop("reading", None)
    _write_in_full(content["data"], path.absolute().parent)
    body = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=WIDTH)
    text = f"# @package _global_\n{body}"
    name = _slug(path.stem)
    folder = cache / "conf" / hashlib.sha256(text.encode()).hexdigest()[:16]
    target = folder / "data" / f"{name}.yaml"
    if not target.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be made ({error.strerror}); set cache.root to a folder you may "
                "write to."
            ) from None
        with atomic(target) as aside:
            aside.write_text(text, "utf-8")
    return name, folder


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        why = "" if isinstance(content["data"], dict) else "no 'data' in it"
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        why = str(error).splitlines()[0]
    if why:
        raise InputError(
            f"{path}: is no configuration of data ({why}); `gnnseg train FILE --user …` writes one."
        )
    return dict(content)


def _write_in_full(data: dict[str, Any], home: Path) -> None:
    """Write the paths among the settings in full, as seen from the folder ``home``."""
    for key in PATHS:
        value = data.get(key)
        if isinstance(value, str):
            data[key] = _full(value, home)
        elif isinstance(value, list):
            data[key] = [_full(str(item), home) for item in value]
    for relation in data.get("relations") or []:
        if isinstance(relation, dict) and isinstance(relation.get("path"), str):
            relation["path"] = _full(relation["path"], home)
    if isinstance(connect := data.get("connect"), str) and re.match(rf"{SQLITE}[^/]", connect):
        data["connect"] = SQLITE + _full(connect.removeprefix(SQLITE), home)


def _full(value: str, home: Path) -> str:
    path = Path(value)
    return str(path if path.is_absolute() else home / path)
