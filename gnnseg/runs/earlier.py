"""An earlier run as a later one starts from it: who stayed, what is carried, what pulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.config import stable
from gnnseg.data import visits
from gnnseg.models import carrying
from gnnseg.models.carrying import Former, Keep
from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.runs import loading, persistence
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.stored import StoredRun
from gnnseg.sparse.order import lexsort
from gnnseg.types import InputError, Interactions, Ints, Pairs, Split

TERM = "since"  # under which the pull stands among a model's terms


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run, and what it leaves to a later one.

    ``kept``: (K,) which of the earlier segments today's start as, from 0; fewer where there are
    more today. ``keep``: the pull's weight.
    """

    run: StoredRun
    former: Former
    kept: list[int]
    keep: float

    def of_people(self, people_U: Ints) -> EarlierRun:
        """Return the same for a sample of the later run's users (``data.resampling``)."""
        former = replace(self.former, users=self.former.users[people_U])
        return replace(self, former=former)

    def pairs_here(self, then: Pairs) -> Pairs:
        """Return pairs of the earlier run by the users and items of here; others are left out."""
        user, item = self._rows_here(then.user, then.item)
        order = lexsort((item, user))
        order = order[(user[order] >= 0) & (item[order] >= 0)]
        spend, visits = (
            None if each is None else each[order] for each in (then.spend, then.visits)
        )
        return Pairs(
            user[order], item[order], then.weight[order], then.count[order], spend=spend,
            visits=visits,
        )  # fmt: skip

    def visits_here(self) -> Interactions | None:
        """Return the items of its training visits so; None of a head without habits."""
        then = persistence.visits_in(self.run.path)
        if then is None:
            return None
        user, item = self._rows_here(then.user, then.item)
        here = (user >= 0) & (item >= 0)
        return visits.of(replace(then, user=user, item=item).rows(here))

    def _rows_here(self, user: Ints, item: Ints) -> tuple[Ints, Ints]:
        """Return earlier users and items by their indices here, -1: not here."""
        users, items = (len(ids) for ids in (self.run.users, self.run.items))
        return _inverse(self.former.users, users)[user], _inverse(self.former.items, items)[item]

    def attach(self, model: Model) -> None:
        """Let the memberships of before pull while the model trains."""
        if self.keep > 0:
            model.terms[TERM], model.weights[TERM] = Keep(self.former), self.keep

    def detach(self, model: Model) -> None:
        """Take the pull off a trained model."""
        if self.keep > 0:
            del model.terms[TERM], model.weights[TERM]

    def begin(self, model: Model, given: Inputs, rng: Rng, labels: Tensor | None) -> bool:
        """Give a model with first values what the earlier run ended with; see ``carry``."""
        carried = carrying.carry(
            model, self.former, given.graph, given.features, rng.child("since")
        )
        with torch.no_grad():
            model.number(model.embed(given.graph, given.features), labels)
        return carried


def of(config: Mapping[str, Any], split: Split, given: Inputs) -> EarlierRun | None:
    """Return the run that ``segments.since`` names, as this one starts from it; None: it does not.

    Raises:
        InputError: There is none such, it has no segments, or nobody of it is here.
    """
    asked = config["segments"]
    if asked["since"] is None:
        return None
    run = StoredRun(folder_of(config))
    where = f"segments.since={asked['since']}"
    if not config["head"].get("segments"):
        raise InputError(f"{where}: this head has no segments to keep; choose head=segments.")
    if not run.has_segments:
        raise InputError(f"{where}: its head has no segments; name a run that has.")
    if config["head"].get("habit") and asked["refits"] and persistence.visits_in(run.path) is None:
        raise InputError(
            f"{where}: learned no habits, so that its folder has no visits for the refits that "
            "this head needs them for; set segments.refits=0, or name a run of head.habit=true."
        )
    users = run.users.to_index(split.users.ids, missing=-1)
    if not (users >= 0).any():
        raise InputError(
            f"{where}: none of its {len(run.users):,} users is among the {len(split.users):,} "
            "users here; the same people must have the same ids in both."
        )
    items = run.items.to_index(split.items.ids, missing=-1)
    return start(run, config, given, users, items, weights=True, keep=float(asked["keep"]))


def start(
    run: StoredRun,
    config: Mapping[str, Any],
    given: Inputs,
    users: Ints,
    items: Ints,
    *,
    weights: bool,
    keep: float,
) -> EarlierRun:
    """Return what a run leaves to one with these settings.

    Args:
        run: The earlier run.
        config: Of the later one.
        given: What the later one is given.
        users: (U,) each user's index in the earlier run, -1: not there; so ``items``.
        weights: Whether its weights are carried, or its segments alone.
        keep: The pull's weight.
    """
    from safetensors.torch import load_file

    before = loading.configuration(run.path)

    def same(group: str) -> bool:
        a, b = (stable(str(each[group]["_target_"])) for each in (before, config))
        return a == b

    alpha_VL, segments = run.tensor("alpha"), int(config["head"]["segments"])
    alpha_VK, kept = carrying.by_segments(alpha_VL, segments)
    encoding = persistence.encoding_of(run.path)
    columns = all(encoding.names(kind) == given.encoding.names(kind) for kind in ("user", "item"))
    former = Former(
        users=users,
        items=items,
        alpha_VK=alpha_VK,
        weights=load_file(run.folder.file("model.safetensors")),
        counts=(len(run.users), len(run.items)),
        same_encoder=weights and same("encoder") and columns,
        same_head=same("head") and alpha_VL.shape[1] == segments,
    )
    return EarlierRun(run, former, kept, keep)


def _inverse(here: Ints, count: int) -> Ints:
    """Return where earlier users or items are here, (count,), -1: nowhere."""
    found = np.full(count, -1, dtype=np.int64)
    found[here[here >= 0]] = np.flatnonzero(here >= 0)
    return found


def folder_of(config: Mapping[str, Any]) -> Path:
    """Return the folder of the finished run that ``segments.since`` names.

    A path, or a name under runs.root.

    Raises:
        InputError: There is none, or it has not finished.
    """
    name = str(config["segments"]["since"])
    path = Path(name).expanduser()
    if not path.exists() and path.name == name:
        path = Path(config["runs"]["root"]).expanduser() / name
    folder = RunFolder(path.absolute())
    try:
        state = folder.read_json()["state"]
    except InputError as error:
        raise InputError(
            f"segments.since={name}: {error} (the new run needs it while it trains, and to be "
            "found again by its command; what it has learned is in its own folder)"
        ) from None
    if state != "finished":
        raise InputError(f"segments.since={name}: that run is {state}; finish it first.")
    return folder.path


def digest_of(config: Mapping[str, Any]) -> str:
    """Return the hash of the run that ``segments.since`` names."""
    return str(RunFolder(folder_of(config)).read_json()["hash"])
