"""A run's figures as JSON lines, and what every log of a run answers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gnnseg import records
from gnnseg.types import InputError

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


class Tracker(Protocol):
    """What a run's figures are given to as it goes."""

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far.

        Stored with the weights, so that both go on from the same moment.
        """
        ...

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the figures of a step."""
        ...

    def losses(self, losses: Mapping[str, float], step: int) -> None:
        """Take the losses of a single step."""
        ...

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Take a table of the finished run."""
        ...

    def figure(self, name: str, figure: Figure) -> None:
        """Take a plot of the finished run."""
        ...

    def page(self, path: Path) -> None:
        """Take the page of the finished run, after its tables."""
        ...

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Take the final figures."""
        ...

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        ...


class Jsonl:
    """One JSON object a line, each on its way to the disk before the next step begins.

    NaN and infinity become null.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (finish() closes it)
        except OSError as error:
            raise self._refused(error) from error

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far."""
        return self.path.stat().st_size

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        if length < self.position():
            self._file.truncate(length)

    def stored(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield the lines so far, as step and figures; those that are not defined left out."""
        for line in self.path.read_text("utf-8").splitlines():
            figures = {k: v for k, v in records.parsed(line).items() if v is not None}
            yield int(figures.pop("step")), figures

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        line = {"step": step, **metrics}
        if "epoch" in line:
            line = {"epoch": line.pop("epoch"), **line}
        text = (records.text(line) + "\n").encode()
        before = self.position()
        try:
            written = self._file.write(text)
            # where the disk is nearly full an unbuffered write may stop half-way
            if written != len(text):
                self._file.truncate(before)
                raise InputError(
                    f"{self.path}: cannot be written (no space left); free space and run again."
                )
        except OSError as error:
            raise self._refused(error) from error

    def losses(self, losses: Mapping[str, float], step: int) -> None:
        """Do nothing: means over epochs are logged with the validations."""

    def figure(self, name: str, figure: Figure) -> None:
        """Do nothing: the page has the plots."""

    def page(self, path: Path) -> None:
        """Do nothing: it stands in the run folder."""

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Do nothing: tables stand in the run folder as Parquet files already."""

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Do nothing: final figures stand in run.json already."""

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        self._file.close()

    def _refused(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path}: cannot be written ({error.strerror or error}); free space or choose "
            "another runs.root."
        )
