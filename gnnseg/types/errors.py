"""What is raised where a user can mend it: one sentence, whose settings each door names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """A setting as messages name it, with the value found or proposed: ``data.dates=dmy``."""

    key: str
    value: str | None = None

    def __str__(self) -> str:
        """Return the setting as a configuration has it."""
        return self.key if self.value is None else f"{self.key}={self.value}"


Words = (
    str | Path | Setting | tuple["Words", ...]
)  # of a message; a tuple's parts follow each other


def _text(words: Words, name: Callable[[Setting], str]) -> str:
    if isinstance(words, tuple):
        return "".join(_text(part, name) for part in words)
    return name(words) if isinstance(words, Setting) else str(words)


class InputError(ValueError):
    """A mistake the user can mend, as one sentence: where it is, what is wrong, what to do.

    The command prints the sentence and exits with code 2. It is given whole, or in its parts, so
    that settings stay settings and each door (command, Python) can name them as its own:

        InputError("orders.csv: the file is empty; give one with rows.")
        InputError(where=path, problem="not UTF-8", advice=("set ", Setting("data.encoding")))

    Args:
        sentence: The whole sentence, "where: problem; advice."; or else nothing.
        where: The file and line, setting or argument that is wrong.
        problem: What is wrong with it.
        advice: What to do.

    Attributes:
        where, problem, advice: The parts as text, settings as a configuration has them.
    """

    def __init__(
        self, sentence: str = "", *, where: Words = "", problem: Words = "", advice: Words = ""
    ) -> None:
        self._words = None if sentence else (where, problem, advice)
        if sentence:
            self.where, self.problem, self.advice = _taken_apart(sentence)
        else:
            self.where, self.problem, self.advice = (
                _text(words, str) for words in (where, problem, advice)
            )
            sentence = _put_together(self.where, self.problem, self.advice)
        super().__init__(sentence)

    def said(self, name: Callable[[Setting], str]) -> InputError:
        """Return the error with each of its settings called by the ``name`` of one door.

        A sentence that was given whole has no settings apart, and stays as it is.
        """
        if self._words is None:
            return self
        where, problem, advice = (_text(words, name) for words in self._words)
        return InputError(where=where, problem=problem, advice=advice)

    def renamed(self, name: Callable[[Setting], Setting]) -> InputError:
        """Return the error with other settings in place of its own, which doors can name still."""
        if self._words is None:
            return self
        where, problem, advice = (_renamed(words, name) for words in self._words)
        return InputError(where=where, problem=problem, advice=advice)


def _renamed(words: Words, name: Callable[[Setting], Setting]) -> Words:
    if isinstance(words, tuple):
        return tuple(_renamed(part, name) for part in words)
    return name(words) if isinstance(words, Setting) else words


def _put_together(where: str, problem: str, advice: str) -> str:
    text = "; ".join(part for part in (problem, advice) if part)
    text = f"{where}: {text}" if where else text
    return text if text.endswith((".", "?")) else f"{text}."


def _taken_apart(sentence: str) -> tuple[str, str, str]:
    """Return where, problem and advice of a sentence.

    Up to its first colon, after its last semicolon, and what lies between.
    """
    where, colon, rest = sentence.removesuffix(".").partition(": ")
    if not colon or "; " in where:
        where, rest = "", sentence.removesuffix(".")
    problem, semicolon, advice = rest.rpartition("; ")
    return (where, problem, advice) if semicolon else (where, rest, "")


def returned(value: Any, kind: type[T], where: str) -> T:
    """Return what a part that somebody else may have written has returned, if it is of its kind.

    Raises:
        InputError: It is something else.
    """
    if isinstance(value, kind):
        return value
    raise InputError(
        where=where,
        problem=f"returned a {type(value).__name__}",
        advice=f"return a {kind.__module__}.{kind.__qualname__}",
    )
