"""One run about to be done, and its record, run.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gnnseg.config import recorded, stable
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import SCHEMA, Identity, git_revision, source_digest, versions
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.plan import Plan

Say = Callable[[str], None]
# epoch and figures of a validation; whether to stop there
Watch = Callable[[int, Mapping[str, float]], bool]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one run is done with: by which plan, where it goes, who is told.

    ``watch``: told of each validation; where it answers true, training is interrupted.
    """

    plan: Plan
    identity: Identity
    folder: RunFolder
    say: Say
    progress: bool
    watch: Watch | None = None

    @property
    def clusters(self) -> int:
        """Return K of the row 'posthoc (own embeddings)': the head's, or 16."""
        return int(self.plan.config["head"].get("segments") or 16)

    def record(self, why: str, sweep: str | None, number: int | None) -> dict[str, Any]:
        """Return run.json as far as it is known before training.

        Args:
            why: Why the run is on its device.
            sweep: The sweep's name.
            number: The run's place in it.
        """
        plan, split, identity = self.plan, self.plan.split, self.identity
        depends = identity.depends()
        return {
            "schema": SCHEMA,
            "numerics": NUMERICS,
            "hash": identity.digest,
            "name": identity.name,
            "state": "running",
            "error": None,
            "config": recorded(plan.config),
            **({} if depends is None else {"depends": depends}),
            "data": {
                "name": split.name,
                "users": len(split.users),
                "items": len(split.items),
                **{part: len(pairs) for part, pairs in split.parts.items()},
                "fingerprint": split.fingerprint,
                "whole": split.whole,
                "pairs": {
                    part: pair_fingerprint(pairs.user, pairs.item)
                    for part, pairs in split.parts.items()
                },
                "split": split_name(plan.config),
                "currency": plan.config["data"].get("currency"),
                "end": None if split.customers is None else split.customers.end,
                "notes": dict(split.notes),
            },
            "versions": versions(),
            "git": git_revision(),
            "source": source_digest(),
            "device": {
                "name": str(plan.device),
                "why": why,
                "threads": torch.get_num_threads(),
                **({} if plan.ranks.alone else {"processes": plan.ranks.count}),
            },
            "sweep": sweep,
            "job": number,
            "seconds": {},
            "protocol": plan.protocol.protocol,
            "seen": plan.protocol.seen,
            "metrics": {},
            "baselines": {},
            "alarms": [],
            "losing": [],
            "exact": self._exact_so_far() and plan.ranks.alone,
        }

    def _exact_so_far(self) -> bool:
        """Say where an interrupted run goes on with other code than it began with."""
        if not self.folder.file("state.pt").exists():
            return True
        before = self.folder.read_json()
        if before["source"] == source_digest():
            return bool(before["exact"])
        self.say(
            "gnnseg's own code has changed since this run was interrupted: the result may differ "
            "from one trained in one go; --fresh trains it from the start"
        )
        return False


def split_name(config: Mapping[str, Any]) -> str:
    """Return what records and messages call the split."""
    return stable(str(config["split"]["_target_"])).rsplit(".", 1)[-1]
