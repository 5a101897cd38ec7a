"""From what is typed to the verb that does it; a user's mistake is one sentence and exit code 2."""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import logging
import os
import pkgutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from gnnseg.cli import streams
from gnnseg.distributed import started

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")  # of Linux, where it has them
REFUSALS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS}  # of a write, by the system
EPILOG = """\
examples:
  gnnseg train                                    MovieLens 100K, LightGCN, 16 segments
  gnnseg data check orders.csv                    what a file holds, and how to train on it
  gnnseg train orders.csv --user customer --item sku --time date
  gnnseg train -m encoder=mf,lightgcn head=dot,segments seed=0,1,2
  gnnseg choose-k orders.csv --user customer --item sku      how many segments, and why
  gnnseg show RUN test/ndcg@20
  gnnseg recommend RUN --user 42 -k 10
  gnnseg assign RUN new.csv --out segments.csv    people who were not in training
  gnnseg COMMAND --help                           what a command takes
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (or sys.argv) describe, and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _ask_for_huge_pages()
    with streams.lasting(), _interrupts() as interrupted:
        try:
            code = _dispatch(given)
            sys.stdout.flush()
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            # a library that is stopped while it is imported raises errors of its own
            if type(error).__name__ == "Interrupted" or interrupted():
                return 130
            from gnnseg.types import InputError

            said = error if isinstance(error, InputError) else _refused_write(error)
            if said is None:
                raise
            if started.speaks():
                say(f"gnnseg: {said}")
            return 2
        return code


def _ask_for_huge_pages() -> None:
    """Let torch keep tensors beyond 2 MB in huge pages, unless the environment says otherwise.

    Memory of more than 32 MB comes from the system anew each time, page by page, which takes longer
    than many a kernel does.
    """
    if HUGE_PAGES.exists():
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note that somebody asked to stop, and raise KeyboardInterrupt as ever."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _refused_write(error: Exception) -> Exception | None:
    """Return one sentence where the system refused a write or a folder; None for all else."""
    from gnnseg.types import InputError

    if isinstance(error, UnicodeError) or not isinstance(error, OSError):
        return None
    where = error.filename or "standard output"
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError(f"{where}: {error.strerror}; ask for the right, or choose another place.")
    if error.errno not in REFUSALS:
        return None
    return InputError(
        f"{where}: cannot be written ({error.strerror}); free space or choose another folder."
    )


def _dispatch(given: list[str]) -> int:
    """Do what the first word names; without one, or with a flag, say what there is."""
    word = given[0] if given else ""
    if word in ("--version", "-V"):
        from importlib.metadata import version

        print(f"gnnseg {version('gnnseg')}")
        return 0
    if word.startswith("-") or not word:
        _overview().parse_args(given)
        return 0
    if word not in (names := _names()) or not hasattr(verb := _module(word), "call"):
        from gnnseg.types import InputError

        known = [name for name in names if hasattr(_module(name), "call")]
        near = difflib.get_close_matches(word, known, 1)
        there = f"there are {', '.join(known)}"
        raise InputError(
            f"{word}: no such command; "
            + (f"did you mean {near[0]} ({there})?" if near else f"{there}.")
        )
    if word != "train":
        started.refuse_many(f"gnnseg {word}")
    with _logging():
        return int(verb.call(parser(word).parse(given[1:])) or 0)


class Parser(argparse.ArgumentParser):
    """A parser of options and arguments in any order; where ``verbatim`` is set, of nothing but -h.

    ``verbatim`` is then the name under which the words stand as they were typed.
    """

    verbatim: str | None = None

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Return what ``words`` set; argparse's own complaint and exit where they are wrong."""
        if self.verbatim is None and self._subparsers is None:
            return self.parse_intermixed_args(words)
        return self.parse_args(words)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what argparse understands, as it is asked to, also for an action of a verb."""
        if self.verbatim is None or {"-h", "--help"} & set(args):
            return super().parse_known_args(args, namespace)
        given = namespace or argparse.Namespace()
        vars(given).update({**self._defaults, self.verbatim: list(args)})
        return given, []


def parser(name: str) -> Parser:
    """Return a verb's parser: its module's docstring for a description, and its own arguments."""
    verb = _module(name)
    found = Parser(
        prog=f"gnnseg {name}",
        description=verb.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.arguments(found)
    return found


def verbs() -> dict[str, str]:
    """Return every verb with the first line of its help."""
    modules = {name: _module(name) for name in _names()}
    return {
        name: (module.__doc__ or "").partition("\n")[0]
        for name, module in modules.items()
        if hasattr(module, "call")
    }


def say(line: str) -> None:
    """Print a line about the work to standard error."""
    print(line, file=sys.stderr, flush=True)


def _names() -> list[str]:
    import gnnseg.cli

    return sorted(
        found.name.replace("_", "-")
        for found in pkgutil.iter_modules(gnnseg.cli.__path__)
        if not found.ispkg
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"gnnseg.cli.{name.replace('-', '_')}")


def _overview() -> argparse.ArgumentParser:
    """Return the parser of ``gnnseg`` alone, for its help and its complaint."""
    found = argparse.ArgumentParser(
        prog="gnnseg",
        description="User segmentation learned together with graph recommendation.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    commands = found.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in verbs().items():
        commands.add_parser(name, help=text[0].lower() + text[1:].rstrip("."))
    return found


@contextmanager
def _logging() -> Iterator[None]:
    """Send what the logger ``gnnseg`` records to standard error, as plain lines."""
    log, handler = logging.getLogger("gnnseg"), logging.Handler()
    handler.emit = lambda record: say(record.getMessage())  # type: ignore[method-assign]
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
