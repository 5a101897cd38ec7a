"""What ``gnnseg doctor`` finds, each thing with its remedy.

Every part is looked at even where another fails, also with torch missing: nothing heavy is imported
at the top.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gnnseg.cli.diagnosis import computing, installation, storage
from gnnseg.cli.diagnosis.finding import Finding, last_line

WIDTH = 100


def examine(root: Path, runs: Path, cache: Path) -> list[Finding]:
    """Look at everything.

    Args:
        root: data.root.
        runs: runs.root.
        cache: The cache folder.
    """
    root, runs, cache = (folder.expanduser().absolute() for folder in (root, runs, cache))
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "python": installation.python,
        "packages": installation.packages,
        "hydra": installation.plugins,
        "kernels": computing.kernels,
        "device": computing.device,
        "deterministic": computing.deterministic,
        "data": lambda: storage.data(root, cache),
        "runs.root": lambda: storage.folder("runs.root", runs, "set runs.root or GNNSEG_RUNS"),
        "cache.root": lambda: storage.folder("cache.root", cache, "set cache.root"),
        "fonts": installation.fonts,
        "wandb": installation.wandb,
        "extras": installation.extras,
    }
    return [finding for area, look in looks.items() for finding in _all(area, look)]


def text(findings: Sequence[Finding]) -> str:
    """Return a line or more for each finding, its remedy below, and the sum of it."""
    marks = {True: "ok", False: "BAD", None: "-"}
    wide = max(len(finding.area) for finding in findings) + 2
    lines, area = [], ""
    for finding in findings:
        head = f"{'' if finding.area == area else finding.area:<{wide}}{marks[finding.ok]:<5}"
        lines += textwrap.wrap(
            head + finding.text, WIDTH, subsequent_indent=" " * len(head), break_on_hyphens=False
        )
        if finding.advice and not finding.ok:
            lines += [f"{'':<{wide + 5}}{finding.advice}"]
        area = finding.area
    wrong = [finding for finding in findings if finding.ok is False]
    worst = sum(finding.essential for finding in wrong)
    ready = (
        "nothing can be trained before the essential is mended"
        if worst
        else "gnnseg is ready to train"
    )
    return "\n".join([*lines, "", f"{ready}: {len(wrong)} bad, {worst} of them essential"])


def _all(area: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Return what a look finds; a look that breaks is a finding too."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except Exception as error:  # a broken installation breaks anywhere; the rest still counts
        said = f"cannot be looked at: {type(error).__name__}: {last_line(str(error))}"
        essential = isinstance(error, ImportError) and area not in ("fonts", "wandb", "extras")
        found.append(Finding(area, False, said, "install what the packages above lack.", essential))
    return found
