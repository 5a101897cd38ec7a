"""What a part of ours is called in hashes and run folders, wherever its module stands today.

A run's hash and its run.json hold the name under which a part was first recorded, so that moving a
module or renaming a class changes no run's identity, and run folders and configurations of any age
still name their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

# stable name -> where it stands today; a name stands for all that lies below it, the longest that
# fits counts
MODULES = {
    "gnnseg.encoders": "gnnseg.models.encoders",
    "gnnseg.encoders.raw.Raw": "gnnseg.models.encoders.raw.RawAttributes",
    "gnnseg.encoders.social.Social": "gnnseg.models.encoders.social.SocialSpectral",
    "gnnseg.heads": "gnnseg.models.heads",
    "gnnseg.objectives": "gnnseg.models.objectives",
    "gnnseg.objectives.regularisers.Social": (
        "gnnseg.models.objectives.regularisers.SocialLaplacian"
    ),
    "gnnseg.data.features.Features": "gnnseg.data.features.FeatureSettings",
    "gnnseg.data.sets.amazon_book": "gnnseg.data.sets.published.AmazonBook",
    "gnnseg.data.sets.completejourney": "gnnseg.data.sets.completejourney.CompleteJourney",
    "gnnseg.data.sets.file": "gnnseg.data.tables.readers.FileReader",
    "gnnseg.data.sets.given": "gnnseg.data.tables.readers.GivenTable",
    "gnnseg.data.sets.gowalla": "gnnseg.data.sets.published.Gowalla",
    "gnnseg.data.sets.lastfm": "gnnseg.data.sets.published.LastFM",
    "gnnseg.data.sets.lastfm_2k": "gnnseg.data.sets.lastfm.LastFM2K",
    "gnnseg.data.sets.ml_100k": "gnnseg.data.sets.movielens.MovieLens100K",
    "gnnseg.data.sets.ml_1m": "gnnseg.data.sets.published.MovieLens1M",
    "gnnseg.data.sets.ml_1m_raw": "gnnseg.data.sets.movielens.MovieLens1MRaw",
    "gnnseg.data.sets.planted": "gnnseg.data.sets.planted.Planted",
    "gnnseg.data.sets.sql": "gnnseg.data.tables.readers.SqlReader",
    "gnnseg.data.sets.yelp2018": "gnnseg.data.sets.published.Yelp2018",
    "gnnseg.data.split.auto": "gnnseg.data.split.Auto",
    "gnnseg.data.split.given": "gnnseg.data.split.AsGiven",
    "gnnseg.data.split.global_time": "gnnseg.data.split.GlobalTime",
    "gnnseg.data.split.leave_last": "gnnseg.data.split.LeaveLast",
    "gnnseg.data.split.random_overall": "gnnseg.data.split.RandomOverall",
    "gnnseg.data.split.random_per_user": "gnnseg.data.split.RandomPerUser",
    "gnnseg.training.loop.Settings": "gnnseg.training.settings.TrainerSettings",
    "gnnseg.tracking.Settings": "gnnseg.tracking.TrackingSettings",
}
KEYS: dict[str, dict[str, str]] = {  # stable target -> {a setting's name today: its stable name}
    "gnnseg.objectives.policy.PolicyGradient": {"pessimism": "caution"},
}
# Settings that came after runs had names: "group.setting"; of one part of a group,
# "stable target.setting"; or a group -> its default.
ADDED: dict[str, Any] = {
    "gnnseg.data.sets.file.missing_ids": "drop",
    "gnnseg.data.sets.file.users_id": None,
    "gnnseg.data.sets.file.items_id": None,
    "gnnseg.data.sets.sql.missing_ids": "drop",
    "gnnseg.data.sets.sql.users_id": None,
    "gnnseg.data.sets.sql.items_id": None,
    "gnnseg.data.sets.planted.relation_signal": None,
    "gnnseg.heads.segments.Segments.habit": False,
    "gnnseg.heads.dot.Dot.bias": True,
    "gnnseg.heads.posthoc.Posthoc.bias": True,
    "gnnseg.heads.segments.Segments.warmup": 0.0,
    "gnnseg.data.sets.planted.model": "mixture",
    "gnnseg.data.sets.planted.groups": None,
    "gnnseg.data.sets.planted.nesting": 0.5,
    "gnnseg.data.sets.planted.inequality": 0.0,
    "gnnseg.data.sets.planted.noise": None,
    "gnnseg.data.sets.planted.overlap": None,
    "gnnseg.data.sets.planted.skew": None,
    "gnnseg.data.sets.planted.activity": None,
    "gnnseg.data.sets.planted.random_edges": 0.0,
    "gnnseg.data.sets.planted.missing_edges": 0.0,
    "gnnseg.data.sets.file.header": None,
    "gnnseg.data.sets.file.quoting": None,
    "gnnseg.data.sets.file.skip": 0,
    "gnnseg.data.sets.file.sheet": None,
    "gnnseg.data.sets.file.basket": None,
    "gnnseg.data.sets.file.unique": None,
    "gnnseg.data.sets.file.forms": {},
    "gnnseg.data.sets.file.reading": None,
    "gnnseg.data.sets.sql.basket": None,
    "gnnseg.data.sets.sql.unique": None,
    "gnnseg.data.sets.sql.forms": {},
    "gnnseg.data.sets.file.time_as": None,
    "gnnseg.data.sets.file.zeros": None,
    "gnnseg.data.sets.sql.time_as": None,
    "gnnseg.data.sets.sql.zeros": None,
    "evaluation.metrics": None,
    "evaluation.sampled": [],
    "evaluation.users": None,
    "gnnseg.encoders.linear.Linear.init": "normal",
    "gnnseg.encoders.dnn.DNN.init": "normal",
    "gnnseg.encoders.two_tower.TwoTower.init": "normal",
    "gnnseg.heads.segments.Segments.start": "varimax",
    "gnnseg.heads.hybrid.Hybrid.start": "varimax",
    **{
        f"gnnseg.data.sets.{door}.{name}": None
        for door in ("file", "sql")
        for name in ("order", "event", "keep", "price", "quantity")
    },
    "tracking.name": None,
    "trainer.sampler": None,
    "trainer.callbacks": None,
    "trainer.refit": False,
    "trainer.eval_users": None,
    "trainer.precision": "float32",
    "report": {"people": False},
    "evidence": {"refits": 0, "rewired": False},
    "metrics": None,
    "baselines": None,
    "baseline": None,
    "segments": {"since": None, "keep": 0.1, "refits": 3},
    "segments.names": None,
    "data.currency": None,
    "profile": False,
    "cache.mapped": False,
}
ADDED |= {  # terms beside the objective that came later, as conf/regularisers/none.yaml has them
    f"regularisers.{name}": {
        "_target_": f"gnnseg.{target}",
        "weight": 0.0,
        **node,
    }
    for name, target, node in (
        ("lightgcl", "models.objectives.lightgcl.LightGCL", {"tau": 0.2, "rank": 5}),
        (
            "ncl_structure",
            "models.objectives.ncl.NCLStructure",
            {"tau": 0.1, "layer": 2, "items": 1.0, "negatives": "batch"},
        ),
        (
            "ncl_prototypes",
            "models.objectives.ncl.NCLPrototypes",
            {"tau": 0.1, "prototypes": 100, "warmup": 5, "every": 1},
        ),
        ("sim_proto", "objectives.prototypes.SimProto", {"items": 1.0}),
        ("sim_batch", "objectives.prototypes.SimBatch", {"items": 1.0}),
        ("independence", "models.objectives.independence.Independence", {"rows": 512}),
    )
}
_STABLE = {today: name for name, today in MODULES.items()}


def current(target: str) -> str:
    """Give a target's path of today; one of today, or of somebody else's package, as it stands."""
    return target if _prefix(target, _STABLE) else _moved(target, MODULES)


def stable(target: str) -> str:
    """Give a target's stable name; of somebody else's package its path as it stands."""
    return _moved(target, _STABLE)


def short(target: str) -> str:
    """Give the word by which names of runs and messages call a target: its stable name's last."""
    return stable(target).rsplit(".", 1)[-1].lower()


def recorded(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give a configuration as run folders hold it and as hashes see it.

    Targets and settings stand under their stable names; a setting that came later, and is at its
    default, is left out, so that runs of before keep their names.
    """
    found = {group: _node(value, KEYS, stable) for group, value in config.items()}
    for node, key, default in reversed(list(_added(found))):  # a group's own settings before it
        then = _node(default, KEYS, stable)
        if key in node and (node[key] == then or (then is None and node[key] == {})):
            del node[key]
    return found


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give a recorded configuration, of a run folder of any age, as it would be written today."""
    today = {name: {old: new for new, old in keys.items()} for name, keys in KEYS.items()}
    found = {group: _node(value, today, current) for group, value in config.items()}
    for node, key, default in _added(found):
        node.setdefault(key, _node(default, today, current))
    return found


def _added(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield the nodes that a later setting belongs to, the setting, and its default."""
    for place, default in ADDED.items():
        owner, _, key = place.rpartition(".")
        if not owner:
            yield config, key, default
            continue
        for group, node in config.items():  # an empty one gave way to a baseline
            if not isinstance(node, dict) or not node:
                continue
            if owner in (group, stable(str(node.get("_target_")))):
                yield node, key, default


def _node(value: Any, keys: Mapping[str, Mapping[str, str]], name: Callable[[str], str]) -> Any:
    """Copy plain values; each ``_target_`` and its settings by another name."""
    if isinstance(value, Mapping):
        target = value.get("_target_")
        other = keys.get(stable(target), {}) if isinstance(target, str) else {}
        return {
            other.get(key, key): name(item)
            if key == "_target_" and isinstance(item, str)
            else _node(item, keys, name)
            for key, item in value.items()
        }
    return [_node(item, keys, name) for item in value] if isinstance(value, list | tuple) else value


def _prefix(target: str, table: Mapping[str, str]) -> str | None:
    words = target.split(".")
    names = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((name for name in names if name in table), None)


def _moved(target: str, table: Mapping[str, str]) -> str:
    name = _prefix(target, table)
    return target if name is None else table[name] + target[len(name) :]
