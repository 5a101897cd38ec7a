"""Whether a finished run's segments come back: refits evaluated, and stored in its folder.

Nothing of the folder is touched before the last refit is done; run.json is written last. Shape
legend: U users, K segments, R refits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from gnnseg.evaluation.segments import stability
from gnnseg.rng import Rng
from gnnseg.runs import loading, persistence, reasons, refits, summary
from gnnseg.runs.lists import segments_frame
from gnnseg.runs.stored import StoredRun
from gnnseg.training.progress import Counter
from gnnseg.types import Floats, InputError

Say = Callable[[str], None]
REFITS = 5  # where evidence is asked for and no number is given


def add(
    run: StoredRun,
    count: int = REFITS,
    *,
    rewired: bool = False,
    say: Say = lambda line: None,
    shown: bool = False,
    workers: int | None = None,
) -> bool:
    """Add to a run's folder what ``count`` refits of each kind say of its segments.

    The folder must be held (``RunFolder.locked``). What stands there of as many refits stays.

    Args:
        run: the finished run.
        count: R, of most events, of other seeds, and of other users, each.
        rewired: whether to fit ``stability.REWIRED`` graphs of chance too.
        say: where a line goes about what is to be done.
        shown: whether to show a bar on a terminal, lines about long work elsewhere.
        workers: processes; None: as ``refits.fit`` chooses.

    Returns:
        Whether anything was computed.

    Raises:
        InputError: the run cannot be fitted again, and why.
    """
    if count < 1:
        raise InputError(f"refits {count}: there must be at least 1.")
    begun, known = time.monotonic(), dict(run.record.get("evidence") or {})
    asked = missing(run, count, rewired=rewired)
    if not asked:
        return False
    refits.refuse(run, rewired=rewired)
    times = "once" if len(asked) == 1 else f"{len(asked)} times"
    say(f"evidence: {run.name} is fitted again {times}")
    found = _Found(run)
    with Counter("refits", len(asked), shown=shown, say=say) as progress:
        for each in refits.fit(run, asked, progress=progress, workers=workers):
            found.take(each)
    seconds = {**run.record["seconds"], "evidence": round(time.monotonic() - begun, 3)}
    _store(run, found, count, known, seconds)
    return True


def missing(run: StoredRun, count: int, *, rewired: bool) -> list[tuple[refits.Kind, int]]:
    """Return the refits, by kind and number, that ``add`` would make: none where they stand."""
    known = run.record.get("evidence") or {}
    asked: list[tuple[refits.Kind, int]] = []
    if count > known.get("refits", 0):
        kinds: tuple[refits.Kind, ...] = ("events", "seed", "users")
        asked += [(kind, number) for kind in kinds for number in range(1, count + 1)]
    if rewired and len(known.get("rewired", [])) < stability.REWIRED:
        asked += [("rewired", number) for number in range(1, stability.REWIRED + 1)]
    return asked


def asked_of(config: Mapping[str, Any], say: Say = lambda line: None) -> bool:
    """Return whether a configuration asks for evidence about segments that it has.

    Raises:
        InputError: it learns from what no run folder keeps.
    """
    if not config["evidence"]["refits"]:
        return False
    if not config["head"].get("segments"):
        say("evidence: this head has no segments to look for again")
        return False
    refits.refuse_log(config, f"evidence.refits={config['evidence']['refits']}")
    if config["evidence"]["rewired"] and config["head"].get("habit"):
        raise InputError(
            "evidence.rewired=true: head.habit=true learns habits from visits, which a rewired "
            "graph has none of; set evidence.rewired=false, or head.habit=false."
        )
    return True


class _Found:
    """What is kept of refits as they come; a refit's memberships are let go."""

    def __init__(self, run: StoredRun) -> None:
        self.reasons = _reasons(run)
        placed = np.array([each is None for each in self.reasons], dtype=bool)
        alpha = run.tensor("alpha").double().numpy()
        self._alpha: Floats = np.where(placed[:, None], alpha, np.nan)
        self._rng = Rng(int(run.config["seed"])).child("stability")
        self.compared: dict[str, list[stability.Comparison]] = {"events": [], "seed": []}
        self.members: list[Any] = []
        self.by_chance: list[float] = []

    def take(self, refit: refits.Refit) -> None:
        """Keep what is to be said of a refit."""
        if refit.kind == "rewired":
            self.by_chance.append(refit.modularity)
        elif refit.kind == "users":
            placed = np.where(np.isnan(self._alpha), np.nan, refit.alpha)
            self.members.append(stability.members(placed))
        else:
            rng = self._rng.child(refit.kind).at(refit.number)
            self.compared[refit.kind].append(stability.compare(self._alpha, refit.alpha, rng))


def _store(
    run: StoredRun, found: _Found, count: int, known: dict[str, Any], seconds: dict[str, Any]
) -> None:
    """Write segments.parquet and stability.parquet, then run.json, the summary and the page."""
    folder, metrics = run.folder, dict(run.record["metrics"])
    if found.compared["events"]:
        result = stability.evaluate(
            found.compared["events"], seeds=found.compared["seed"], bootstrap=found.members
        )
        metrics |= result.metrics
        known |= {"refits": count, "share": refits.SHARE}
        alpha = run.tensor("alpha")
        stored = run.frame("segments")
        habits = stored["habit"].to_torch() if "habit" in stored.columns else None
        frame = segments_frame(run.users.ids, alpha, found.reasons, habits, result.sure)
        folder.write_parquet("segments.parquet", frame)
        mean_K, least_K = result.jaccard.mean(0), result.jaccard.min(0)
    else:
        before = run.frame("stability")
        mean_K, least_K = (before[name].to_numpy() for name in ("jaccard", "jaccard_min"))
    if found.by_chance:
        known["rewired"] = found.by_chance
        metrics |= stability.summary("rewired_modularity", found.by_chance)
    beyond = stability.beyond_chance(run.metrics["segment/modularity"], known.get("rewired", []))
    verdicts = stability.verdicts(mean_K, beyond=beyond)
    table = pl.DataFrame(
        {
            "segment": np.arange(1, len(mean_K) + 1),
            "jaccard": mean_K,
            "jaccard_min": least_K,
            "verdict": verdicts,
        }
    )
    folder.write_parquet("stability.parquet", table)
    metrics |= {
        f"segment/{name}_share": verdicts.count(name) / len(verdicts)
        for name in ("natural", "reproducible", "constructive")
    }
    folder.amend({"metrics": metrics, "evidence": known, "seconds": seconds})
    summary.renew(folder.path)


def _reasons(run: StoredRun) -> list[str | None]:
    """Return why users are in no segment; of a folder of before, from what it holds."""
    stored = run.frame("segments")
    if "reason" in stored.columns:
        return stored["reason"].to_list()
    config = loading.configuration(run.path)
    given = persistence.restore(run.path, config, run.split())
    return reasons.of_users(config, given, run.tensor("user"))
