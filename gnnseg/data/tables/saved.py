"""``gnnseg train FILE --user COLUMN …``: plain words in, a data configuration out. None of them
passes Hydra's grammar.

The configuration is saved as YAML beside where the command is typed, so that ``data=./orders.yaml``
finds the same data again, in sweeps too. Hydra looks for configurations in folders of its own: such
a file is copied to one by its content.
"""

from __future__ import annotations

import argparse
import difflib
import glob
import hashlib
import os
import re
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gnnseg.types import InputError

COLUMNS = ("user", "item", "weight", "time", "spend")
CHOICES = (
    "separator",
    "encoding",
    "format",
    "decimal",
    "dates",
    "returns",
    "item_title",
    "on_error",
)
TABLES = ("users", "items", "social", "log")
NUMBERS = {"min_weight": float, "k_core": int}
SQL = ("sql", "connect")
PATHS = ("path", "train", "valid", "test", *TABLES)
WORDS = {
    "null",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "nan",
    "inf",
}  # no text to YAML or Hydra
HYDRA_VALUED = ("--cfg", "-c", "--package", "-p", "--info", "-i")
HYDRA_PLAIN = (
    "--multirun",
    "--resolve",
    "--version",
    "--hydra-help",
    "--run",
    "--shell-completion",
)
OVERRIDE = r"[+~]*[\w@/.:]+="


@dataclass(frozen=True)
class Given:
    """What was typed, sorted: files, plain options, and the rest, which is Hydra's."""

    files: list[str]
    options: dict[str, Any]
    rest: list[str]


@dataclass(frozen=True)
class Resolved:
    """Arguments for Hydra, and the folders where it finds what they name.

    ``saved``: the YAML of the files that were typed, if they were; ``fresh``: it was written now.
    """

    arguments: list[str]
    folders: list[Path]
    saved: Path | None = None
    fresh: bool = False


def resolve(arguments: Sequence[str], cache: Path, *, say: Any) -> Resolved:
    """The arguments with every file of data turned into ``data=NAME``."""
    given = sort(arguments)
    rest, folders = [], []
    for argument in given.rest:
        paths = _yamls_of(argument)
        if not paths:
            rest.append(argument)
            continue
        found = [_adopt(path, cache) for path in paths]
        names = [name for name, _ in found]
        if twice := next(
            (path for path, name in zip(paths, names, strict=True) if names.count(name) > 1), None
        ):
            raise InputError(f"{argument}: two are called {twice.name}; rename one.")
        rest.append(f"data={','.join(names)}")
        folders += [folder for _, folder in found]
    if not (given.files or set(SQL) & set(given.options)):
        if given.options:
            option = next(iter(given.options)).replace("_", "-")
            raise InputError(
                f"--{option}: says how to read a file; name the file too, as in gnnseg train "
                f"orders.csv --{option} …"
            )
        return Resolved(rest, folders)
    if any(re.match(r"[+~]*data=", argument) for argument in rest):
        raise InputError("data=…: a file is named already; give one of the two.")
    saved, fresh = save(given, Path.cwd(), say=say)
    name, folder = _adopt(saved, cache)
    return Resolved([f"data={name}", *rest], [*folders, folder], saved, fresh)


def cache_root(given: Sequence[str]) -> Path:
    """cache.root, as far as it is known before anything is composed."""
    import platformdirs

    named = [a.partition("=")[2] for a in given if a.startswith("cache.root=")]
    return (
        Path(named[-1] if named else platformdirs.user_cache_dir("gnnseg")).expanduser().absolute()
    )


def sort(arguments: Sequence[str]) -> Given:
    """An argument that is a file, or looks like one, is a file; ``--user COLUMN`` and its like are
    plain options."""
    parser = argparse.ArgumentParser(
        prog="gnnseg train", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    for name in (*COLUMNS, *CHOICES, *TABLES, *SQL):
        parser.add_argument("--" + name.replace("_", "-"), dest=name)
    for name, kind in NUMBERS.items():
        parser.add_argument("--" + name.replace("_", "-"), dest=name, type=kind)
    try:
        found, others = parser.parse_known_args(_joined(arguments))
    except argparse.ArgumentError as error:
        raise InputError(
            f"{error.argument_name}: {error.message}; see gnnseg train --help."
        ) from None
    options = {name: value for name, value in vars(found).items() if value is not None}
    _refuse_unknown(others)
    files, rest, valued = [], [], False
    for argument in others:
        if not valued and argument != "--" and _is_file(argument):
            files.append(argument)
        elif argument != "--":
            rest.append(argument)
        valued = argument in HYDRA_VALUED
    return Given(files, options, rest)


def _refuse_unknown(others: Sequence[str]) -> None:
    ours = [*_flags(), "--fresh", "--config-dir", "--help"]
    hydras = [*HYDRA_PLAIN, *(flag for flag in HYDRA_VALUED if flag.startswith("--"))]
    for argument in others:
        flag = argument.partition("=")[0]
        if re.match(r"--\w", flag) and flag not in hydras:
            close = difflib.get_close_matches(flag, [*ours, *hydras], n=1)
            hint = f"did you mean {close[0]}?" if close else "see gnnseg train --help."
            raise InputError(f"{flag}: no such option; {hint}")


def _flags() -> list[str]:
    return ["--" + name.replace("_", "-") for name in (*COLUMNS, *CHOICES, *TABLES, *SQL, *NUMBERS)]


def _joined(arguments: Sequence[str]) -> list[str]:
    """``--user VALUE`` as ``--user=VALUE``, so that a value may begin with a dash."""
    ours = set(_flags())
    joined, waiting = [], None
    for argument in arguments:
        if waiting is not None:
            joined.append(f"{waiting}={argument}")
            waiting = None
        elif argument in ours:
            waiting = argument
        else:
            joined.append(argument)
    if waiting is not None:
        raise InputError(f"{waiting}: a value is missing behind it.")
    return joined


def _is_file(argument: str) -> bool:
    if argument.startswith("-"):
        return False
    if _expanded(argument).exists():
        return True
    return not re.match(OVERRIDE, argument) and not argument.startswith(("+", "~"))


def save(given: Given, folder: Path, *, say: Any) -> tuple[Path, bool]:
    """The data configuration as YAML under an ASCII name; a file that says something else is never
    written over.

    And whether it was written now.
    """
    import yaml

    data: dict[str, Any] = {}
    if "sql" in given.options:
        if given.files:
            raise InputError("--sql: a file is named too; give one of the two.")
        if "connect" not in given.options:
            raise InputError(
                "--sql: where is the database? Add --connect, such as --connect sqlite:///shop.db"
            )
        data["query"], data["connect"] = (
            given.options["sql"],
            _without_password(given.options["connect"]),
        )
        stem = "sql"
    elif "connect" in given.options:
        raise InputError("--connect: what to read from the database? Add --sql 'select …'.")
    else:
        for name in given.files:
            if not _expanded(name).exists() and not glob.glob(str(_expanded(name))):
                raise InputError(f"{name}: no such file; check the path (file).")
        paths = [_relative(name, folder) for name in given.files]
        data["path"] = paths[0] if len(paths) == 1 else paths
        stem = Path(given.files[0]).name.split(".")[0]
    for name, value in given.options.items():
        if name not in SQL:
            data[name] = _relative(value, folder) if name in TABLES else value
    slug = _slug(stem)
    data = {"name": slug, **data}
    base = "sql" if "query" in data else "file"
    if "connect" in data and (
        match := re.fullmatch(r"sqlite:///(?!:memory:)(.+)", data["connect"])
    ):
        data["connect"] = f"sqlite:///{_relative(match[1], folder)}"
    command = " ".join(["gnnseg train", *map(shlex.quote, [*given.files, *_typed(given.options)])])
    comment = "".join(
        f"# {line}\n"
        for line in (command if "connect" not in data else "gnnseg train --sql …").split("\n")
    )
    body = yaml.safe_dump(
        {"defaults": [base, "_self_"], "data": _unresolved(data)},
        allow_unicode=True,
        sort_keys=False,
        width=10**6,
    )
    text = f"# @package _global_\n{comment}{body}"
    digest = hashlib.sha256(body.encode()).hexdigest()
    for place in (folder / f"{slug}.yaml", folder / f"{slug}-{digest[:8]}.yaml"):
        if place.exists() and _body(place) != body:
            continue
        if place.exists():
            return place, False
        from gnnseg.data.atomic import atomic

        with atomic(place) as aside:
            aside.write_text(text, "utf-8")
        say(
            f"how these data are read is saved: data=./{place.name} finds them again, in sweeps too"
        )
        return place, True
    raise InputError(f"{folder / slug}.yaml: stands there with other content; move it away.")


def _typed(options: dict[str, Any]) -> list[str]:
    words = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _body(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return ""
    return "".join(line for line in lines if not line.startswith("#"))


def _unresolved(value: Any) -> Any:
    """Text with '${' in it, as OmegaConf takes it for text."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + r"\${", value)
    if isinstance(value, dict):
        return {key: _unresolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unresolved(item) for item in value]
    return value


def _relative(name: str, folder: Path) -> str:
    """A path as seen from the folder of the YAML where it lies below it, else in full."""
    path = Path(os.path.abspath(_expanded(name)))
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _expanded(name: str) -> Path:
    """``~/`` is the user's home; a name that only begins with '~' is a name."""
    return Path(name).expanduser() if name == "~" or name.startswith("~/") else Path(name)


def _slug(text: str) -> str:
    """An ASCII name for files and folders: accents dropped; what has no ASCII letters is named by
    its hash."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    reserved = {path.stem for path in _packaged()}
    if len(slug) < 2 or len(slug) * 2 < len(text):
        slug = f"data-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return (
        f"my-{slug[:60]}"
        if slug in reserved or slug in WORDS or not slug[0].isalpha()
        else slug[:60]
    )


def _packaged() -> list[Path]:
    from gnnseg.config import conf_folder

    return list((conf_folder() / "data").glob("*.yaml"))


def _without_password(address: str) -> str:
    """The password leaves the address for the environment (PGPASSWORD), so that no file ever holds
    it."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    from urllib.parse import unquote

    os.environ["PGPASSWORD"] = unquote(parts.password)
    user, host = parts.netloc.rsplit("@", 1)
    return urlunsplit(parts._replace(netloc=f"{user.split(':')[0]}@{host}"))


def _yamls_of(argument: str) -> list[Path]:
    """The file of ``data=./orders.yaml``, or those of a sweep over several; none where the argument
    says something else."""
    match = re.fullmatch(r"data=(.+\.ya?ml)['\"]?", argument)
    if match is None:
        return []
    whole = match[1].strip("'\"")
    named = (
        [whole] if _expanded(whole).is_file() else [one.strip("'\"") for one in match[1].split(",")]
    )
    if missing := next((one for one in named if not _expanded(one).is_file()), None):
        raise InputError(f"data={missing}: no such file; `gnnseg train FILE --user …` writes one.")
    return [_expanded(one) for one in named]


def _adopt(path: Path, cache: Path) -> tuple[str, Path]:
    """A YAML of data where Hydra looks: copied by its content, its paths in full. Its name there,
    and the folder."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        data = content["data"]
        assert isinstance(data, dict)
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        AssertionError,
    ) as error:
        why = str(error).splitlines()[0] if str(error) else "no 'data' in it"
        raise InputError(
            f"{path}: is no configuration of data ({why}); `gnnseg train FILE --user …` writes one."
        ) from None
    home = path.absolute().parent
    for key in PATHS:
        value = data.get(key)
        if isinstance(value, str):
            data[key] = _full(value, home)
        elif isinstance(value, list):
            data[key] = [_full(str(item), home) for item in value]
    for relation in data.get("relations") or []:
        if isinstance(relation, dict) and isinstance(relation.get("path"), str):
            relation["path"] = _full(relation["path"], home)
    if isinstance(connect := data.get("connect"), str) and re.match(r"sqlite:///[^/]", connect):
        data["connect"] = "sqlite:///" + _full(connect.removeprefix("sqlite:///"), home)
    text = "# @package _global_\n" + yaml.safe_dump(
        content, allow_unicode=True, sort_keys=False, width=10**6
    )
    name = _slug(path.stem)
    folder = cache / "conf" / hashlib.sha256(text.encode()).hexdigest()[:16]
    target = folder / "data" / f"{name}.yaml"
    if not target.exists():
        from gnnseg.data.atomic import atomic

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


def _full(value: str, home: Path) -> str:
    path = Path(value)
    return str(path if path.is_absolute() else home / path)
