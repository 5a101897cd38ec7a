"""What may be named in a configuration, and what a name that is not there was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from gnnseg.config.stable import KEYS

GROUPS = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers",
    "optimizer", "trainer", "evaluation", "tracking",
)  # fmt: skip
TRAINED = (
    "encoder",
    "head",
    "objective",
    "regularisers",
    "optimizer",
)  # what a baseline needs none of
TOP = (
    *GROUPS,
    "baseline",
    "metrics",
    "baselines",
    "seed",
    "device",
    "threads",
    "profile",
    "runs",
    "cache",
    "allow",
    "segments",
    "report",
    "sweep",
    "evidence",
)
BESIDE = {
    "data": ("name", "root", "min_weight", "k_core", "currency"),
    "regularisers": ("weight",),
    "evaluation": ("baselines",),
}  # keys the pipeline takes off before it builds
NEEDLESS = ("currency", "baselines")  # of these, keys that a file of one's own may leave out
BASES = {  # what a group's target must be, or derive from; other groups take what fits
    "data": "gnnseg.data.sets.base.Reader",
    "split": "gnnseg.data.split.SplitRule",
    "graph": "gnnseg.graph.bipartite.build",
    "features": "gnnseg.data.features.FeatureSettings",
    "encoder": "gnnseg.models.encoders.base.Encoder",
    "head": "gnnseg.models.heads.base.Head",
    "objective": "gnnseg.models.objectives.base.Objective",
    "regularisers": "gnnseg.models.objectives.base.Objective",
    "optimizer": "torch.optim.Optimizer",
    "trainer": "gnnseg.training.settings.TrainerSettings",
    "evaluation": "gnnseg.evaluation.protocol.Protocol",
    "tracking": "gnnseg.tracking.TrackingSettings",
    "baseline": "gnnseg.models.baselines.base.FittedBaseline",
}


def conf_folder() -> Path:
    """Return the checkout's conf/, where this is one, else the packaged conf/."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "conf"
    in_checkout = (checkout / "config.yaml").exists() and (
        package.parent / "pyproject.toml"
    ).exists()
    return checkout if in_checkout else package / "conf"


def groups(folders: Sequence[Path] = ()) -> list[str]:
    """List the groups that conf/ and the user's own ``folders`` have, ours in their order first.

    A group inside another is named as Hydra names it: ``trainer/schedule``. Hydra's own groups and
    the spaces of searches are none: they are no part of a run's configuration.
    """
    there = {
        path.parent.relative_to(folder).as_posix()
        for folder in (conf_folder(), *folders)
        for path in folder.rglob("*.yaml")
    }
    there = {name for name in there if name.partition("/")[0] not in (".", "hydra", "hparams")}
    return [*(group for group in GROUPS if group in there), *sorted(there - {*GROUPS})]


def choices(group: str, folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Find a group's YAMLs by name; ours win over the user's own of the same name, as in Hydra."""
    found: dict[str, Path] = {}
    for folder in (*reversed(folders), conf_folder()):
        found |= {path.stem: path for path in (folder / group).glob("*.yaml")}
    return dict(sorted(found.items()))


def elsewhere(key: str) -> list[str]:
    """List other choices of the key's group that have such a setting."""
    import yaml

    group, _, name = key.partition(".")
    found = []
    for path in choices(group).values():
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        if name in content or name in (content.get(group) or {}):
            found.append(path.stem)
    return found


def meant(wrong: str, known: list[str]) -> str:
    """Say what a name that is not there was meant to be.

    Nearest first: other choices that have it; a like name beside it; the same name elsewhere; a
    like one elsewhere.
    """
    group, _, leaf = wrong.rpartition(".")
    if (today := f"{group}.{renamed(leaf)}") in known:
        return f"did you mean {today}?"
    others, part = elsewhere(wrong), wrong.split(".")[0]
    if others or wrong in known:
        instead = f"{part}={' or '.join(others)}" if others else f"another {part}="
        return f"the {part} that was chosen has none; leave it out, or choose {instead}."
    known = [key for key in known if not key.endswith("_target_")]
    leaves = {
        key: key.rpartition(".")[2]
        for key in known
        if key.count(".") < 2 or key.rpartition(".")[0] == group
    }
    beside = [key for key in known if key.rpartition(".")[0] == group]
    near = difflib.get_close_matches(leaf, [leaves[key] for key in beside], 1, 0.6)
    inside = sorted((key for key in beside if not group and len(key) > 3 and key in wrong), key=len)
    same = [key for key, name in leaves.items() if name == leaf]
    alike = difflib.get_close_matches(leaf, leaves.values(), 1, 0.6)
    close = [
        *inside[-1:], *(key for key in beside if [leaves[key]] == near), *same,
        *(key for key, name in leaves.items() if [name] == alike),
        *difflib.get_close_matches(wrong, known, 1, 0.6),
    ]  # fmt: skip
    if close:
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(known)}." if len(known) <= 24 else "`gnnseg options` lists them."


def renamed(leaf: str) -> str:
    """Give a setting's name of today; one that never had another, as it is."""
    return next((new for keys in KEYS.values() for new, old in keys.items() if old == leaf), leaf)


def refusal(
    sentence: str = "", *, where: str = "", value: str = "", problem: str = ""
) -> Exception:
    """Return an InputError of a sentence, or of what is wrong with the setting ``where=value``.

    Its module, and torch with it, is imported only where something is wrong.
    """
    from gnnseg.types import InputError, Setting

    if sentence:
        return InputError(sentence)
    return InputError(where=Setting(where, value), problem=problem)
