"""What a model is given: the graph with the ties, attributes and labels that its parts ask for, and
nothing they do not.

Shape legend: U users, I items, F attribute columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from gnnseg import graph as graphs
from gnnseg.config import build
from gnnseg.config.requirements import part_of, parts_that_ask
from gnnseg.data import repeats as taken_again
from gnnseg.data import visits
from gnnseg.data.encoding import Encoding
from gnnseg.data.features import Encoded, FeatureSettings
from gnnseg.data.labels import Labelled
from gnnseg.evaluation.protocol import lacking_log
from gnnseg.graph import BipartiteGraph
from gnnseg.models.objectives import LabelObjective
from gnnseg.rng import Rng
from gnnseg.types import (
    Edges,
    Features,
    InputError,
    Interactions,
    Pairs,
    Relation,
    Setting,
    Shape,
    Split,
)

Say = Callable[[str], None]
ATTRIBUTES = 6  # of a table, named in a line
ASKED = ("features", "social", "labels", "relations", "log", "propensity")


@dataclass(frozen=True)
class Inputs:
    """What a model is given.

    ``encoding``: how attributes became ``features``. ``labels``: the users' classes, where a part
    learns them. ``people`` (U,F), ``people_columns``: users' attributes by which the segments are
    described, on the CPU; there too where the model is not given them. ``described``: all users'
    attributes of the set, also those that the settings keep from the encoder, as numbers.
    ``visits``: the items of visits that a head with habits is trained on.
    """

    graph: BipartiteGraph
    features: Features = field(default_factory=Features)
    encoding: Encoding = field(default_factory=Encoding)
    labels: Labelled | None = None
    people: torch.Tensor | None = None
    people_columns: tuple[str, ...] = ()
    described: Encoded | None = None
    visits: Interactions | None = None

    def to(self, device: torch.device) -> Inputs:
        """Return the same on a device, what describes the segments excepted."""
        return replace(self, graph=self.graph.to(device), features=self.features.to(device))

    def known(self, device: torch.device) -> torch.Tensor | None:
        """Return (U,) int64 classes, -1 where training does not see one; None where none asks."""
        return None if self.labels is None else torch.from_numpy(self.labels.known).to(device)

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Return the attributes' columns by kind, 'user' or 'item', where it has any."""
        return {kind: names for kind in ("user", "item") if (names := self.encoding.names(kind))}

    @property
    def shape(self) -> Shape:
        """Return what components must know of the data to make their parameters."""
        user, item = (
            0 if matrix is None else matrix.shape[1]
            for matrix in (self.features.user, self.features.item)
        )
        return Shape(
            users=self.graph.users,
            items=self.graph.items,
            item_counts=self.graph.pattern.degrees()[1].cpu(),
            user_features=user,
            item_features=item,
            relations={each.name: (each.source, each.target) for each in self.graph.relations},
            entities=self.graph.entities,
            classes=0 if self.labels is None else len(self.labels.classes),
        )

    def account(self) -> dict[str, Any]:
        """Return what run.json says of them: columns by kind, homophily, labels."""
        return {
            "features": {kind: len(names) for kind, names in self.columns.items()},
            "homophily": self.graph.homophily if self.graph.social is not None else None,
            "labels": None if self.labels is None else self.labels.account(),
        }


def of(
    config: Mapping[str, Any],
    split: Split,
    train_pairs: Pairs,
    say: Say,
    apart: Interactions | None = None,
) -> Inputs:
    """Return what the parts of a configuration ask of the data; what it is, is said.

    ``apart``: the items of visits, where a head learns habits of them.

    Raises:
        InputError: A part asks for what the set does not have.
    """
    asked = wanted(config)
    ties = _ties(asked, split)
    typed = _relations(asked, split)
    graph = graph_of(config, split, train_pairs, ties, typed)
    if apart is not None:
        graph = with_past(graph, apart)
        say(f"visits: {len(apart):,} items of {_visits(apart)}")
    _say_what_joins(graph, ties, say)
    _check_log(asked, split, say)
    labels = labels_of(config, split)
    if labels is not None:
        found = labels.account()
        say(
            f"labels {labels.column}: {len(labels.classes)} classes, {found['labelled']:,} users "
            f"labelled, {found['told']:,} given to training"
        )
    read = "features" in asked
    if not read:
        _say_what_is_not_read(split, config, say)
    if not read and not config["head"].get("segments"):
        return Inputs(graph, labels=labels, visits=apart)
    without = () if labels is None else (f"user.{labels.column}",)
    settings: FeatureSettings = build(config["features"])
    fitted = settings.fit(split, train_pairs, say if read else _silent, without)
    user, item = (
        None if matrix is None else torch.from_numpy(matrix)
        for matrix in (fitted.user, fitted.item)
    )
    columns, everything = fitted.encoding.names("user"), fitted
    if read and settings.leaves_out:  # of what the encoder does not read, segments may yet tell
        everything = settings.all.fit(split, train_pairs, _silent, without)
    given = Inputs(
        graph, labels=labels, people=user, people_columns=columns, described=everything,
        visits=apart,
    )  # fmt: skip
    if not read:
        return given
    return replace(given, features=Features(user, item), encoding=fitted.encoding)


def _say_what_is_not_read(split: Split, config: Mapping[str, Any], say: Say) -> None:
    """Say which attributes the set brings and the encoder does not train on."""
    tables = {"users": split.user_table, "items": split.item_table}
    found = [
        f"{kind} ({', '.join([*table.columns][:ATTRIBUTES])}"
        + (" …)" if len(table.columns) > ATTRIBUTES else ")")
        for kind, table in tables.items()
        if table is not None and len(table.columns)
    ]
    if found and config["encoder"]:
        encoder = part_of(config, "encoder", config["encoder"])
        say(
            f"attributes of {' and '.join(found)} describe segments; {encoder.where}="
            f"{encoder.name} does not train on them (encoder.attributes=beside, or "
            "encoder=two_tower, would)"
        )


def _say_what_joins(graph: BipartiteGraph, ties: Edges | None, say: Say) -> None:
    """Say which edges there are beside the interactions."""
    if graph.relations:
        edges = sum(each.pattern.entries for each in graph.relations) // 2
        kinds = ", ".join(f"{count:,} of kind {kind}" for kind, count in graph.entities.items())
        say(
            f"relations: {len(graph.relations) // 2}, {edges:,} edges"
            + (f"; entities: {kinds}" if kinds else "")
        )
    if ties is not None:
        say(
            f"social ties: {len(ties):,}; friends are alike beyond strangers by "
            f"{graph.homophily:.0%}"
        )


def on_other_pairs(
    config: Mapping[str, Any],
    split: Split,
    given: Inputs,
    pairs: Pairs,
    apart: Interactions | None = None,
) -> Inputs:
    """Return the same on the graph of other training pairs of the same users and items.

    ``apart``: the items of their visits, where a head learns habits of them.
    """
    asked = wanted(config)
    graph = graph_of(config, split, pairs, _ties(asked, split), _relations(asked, split))
    past = given.graph.past
    if apart is not None and past is not None:
        graph = with_past(graph, apart, repeats=past.again is not None)
    return replace(given, graph=graph, visits=None if given.visits is None else apart)


def labels_of(config: Mapping[str, Any], split: Split) -> Labelled | None:
    """Return the labels that the term which learns them sees; None where there is none."""
    asking = [part for part in parts_that_ask(config) if "labels" in part.says("requires")]
    if len(asking) > 1:
        raise InputError(
            f"{asking[0].where} and {asking[1].where} both learn labels: set one's weight to 0."
        )
    for part in asking:
        term: LabelObjective = part.target(**part.settings)
        return term.observe(split.user_table, Rng(int(config["seed"])).child("labels"), part.where)
    return None


def graph_of(
    config: Mapping[str, Any],
    split: Split,
    train_pairs: Pairs,
    ties: Edges | None,
    typed: tuple[Relation, ...] = (),
) -> BipartiteGraph:
    """Return the graph that a configuration describes, of the training pairs."""
    node = {key: value for key, value in config["graph"].items() if key != "_target_"}
    entities = {kind: len(ids) for kind, ids in split.entities.items()}
    return graphs.build(
        train_pairs, len(split.users), len(split.items), ties, typed, entities, **node
    )


def with_past(
    graph: BipartiteGraph, apart: Interactions, *, repeats: bool = True
) -> BipartiteGraph:
    """Return the graph with what its users have taken, by the items of visits.

    ``repeats``: items that others take again count for more; not so in runs of before, nor without
    times, where nothing is known to have been taken before.
    """
    half_life = visits.half_lives(apart)
    known = repeats and apart.time is not None
    again = taken_again.of_pairs(apart, graph.items) if known else None
    return replace(graph, past=visits.latest(apart, half_life, graph.users, graph.items, again))


def _visits(apart: Interactions) -> str:
    """Say how many visits there are."""
    if apart.time is None:
        return "events without times: each is asked of its user's others"
    different = (np.diff(apart.user) != 0) | (np.diff(apart.time) != 0)
    return f"{1 + int(different.sum()):,} visits, each asked of its user's earlier ones"


def wanted(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what is asked for beside the interactions (``ASKED``), and which setting asks."""
    asked: dict[str, str] = {}
    for part in parts_that_ask(config):
        for need in part.says("requires"):
            if need in ASKED:
                asked.setdefault(need, f"{part.where}={part.name}")
    return asked


def reads(config: Mapping[str, Any]) -> frozenset[str]:
    """Return what the encoder reads beside the interactions: 'features', 'social'.

    It is what of a new user can be given.
    """
    if not config["encoder"]:  # of a baseline
        return frozenset()
    return part_of(config, "encoder", config["encoder"]).says("requires")


def _ties(asked: Mapping[str, str], split: Split) -> Edges | None:
    if "social" not in asked:
        return None
    if split.social is None or not len(split.social):
        raise InputError(
            where=asked["social"],
            problem=f"needs social ties, and {split.name} has none",
            advice=("give ", Setting("data.social", "FILE"), ", or choose another"),
        )
    return split.social


def _relations(asked: Mapping[str, str], split: Split) -> tuple[Relation, ...]:
    if "relations" not in asked:
        return ()
    if not split.relations:
        raise InputError(
            f"{asked['relations']}: reads typed relations, and {split.name} has none; set "
            "encoder.relations=none, or give some beside data of your own (data.relations, or "
            "relations= of gnnseg.interactions)."
        )
    return split.relations


def _check_log(asked: Mapping[str, str], split: Split, say: Say) -> None:
    """Refuse a set without the log that a part asks for; else say what the log is."""
    log = split.log
    if "log" in asked and log is None:
        raise lacking_log(asked["log"], split)
    if log is None:
        return
    if "propensity" in asked and log.propensity is None:
        raise InputError(
            where=asked["propensity"],
            problem=f"needs a log with the column propensity, and {split.name} has none",
            advice=("give ", Setting("data.log", "FILE"), ", or objective.importance=learned"),
        )
    if "log" in asked:
        assert log.part is not None
        say(
            f"log: {len(log):,} rows, {int((log.part == 0).sum()):,} to train; "
            f"{log.reward.mean():.4g} a row"
            + (f"; logger {split.notes['logger']}" if "logger" in split.notes else "")
        )


def _silent(line: str) -> None:
    """Attributes that the model is not given are not announced."""
