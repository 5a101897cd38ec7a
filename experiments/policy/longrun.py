"""Many visits to users whose tastes drift and tire: a policy that keeps exploring against the
greedy recommender.

usage: python experiments/policy/longrun.py [--minutes M]             (runs in a temporary folder)
Writes a cell as a line of results.jsonl when it is finished, finds it again, and writes
longrun.md from the cells there are. Five seeds (1 to 5) draw users, answers and training. All begin
with the same interactions; each visit shows every user one item that they do not have; every
`EVERY` visits the model is trained again on all that was taken, the policies on the log of what was
shown too, with the probability it was shown with. Shown is the model's best item, or one drawn from
it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from gnnseg import api
from gnnseg.rng import Rng
from gnnseg.runs import identity
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.run import Run
from gnnseg.simulator import Crowd, Manner, Simulator, served
from gnnseg.types import Dataset, Floats, Policy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import interval, kept, minutes

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"
SEEDS = (1, 2, 3, 4, 5)
VISITS, EVERY = 120, 12
SET = ["data.users=500", "data.items=200", "data.segments=4", "data.interactions=4000"]
MANNER = Manner(drift=0.02, saturation=0.5)
HEAD = ["head=segments", "head.segments=4", "threads=1"]
OPTIMISM = "objective.pessimism=-1"
ARMS: dict[
    str, tuple[list[str] | None, bool]
] = {  # a policy's settings (None: likelihood), drawn (else the best item)
    "greedy: likelihood, best item": (None, False),
    "likelihood, drawn": (None, True),
    "policy, best item": (["objective.entropy=0.0"], False),
    "policy, drawn": (["objective.entropy=0.0"], True),
    "policy, entropy .02, drawn": (["objective.entropy=0.02"], True),
    "policy, optimism, best item": (["objective.entropy=0.0", OPTIMISM], False),
    "policy, optimism, entropy .02, drawn": (["objective.entropy=0.02", OPTIMISM], True),
}
GREEDY = next(iter(ARMS))


def course(arm: str, seed: int, folder: str) -> dict[str, Any]:
    """One life: what was earned and shown, period by period."""
    data = Simulator.planted([*SET, f"data.seed={seed}"]).data
    crowd, users = Crowd.of(data, MANNER), np.arange(len(data.users))
    log: list[pl.DataFrame] = []
    periods = []
    for period in range(VISITS // EVERY):
        policy_UI = serve(train(data, crowd, log, ARMS[arm][0], seed, folder), data, crowd)
        shown = np.empty((EVERY, len(users)), dtype=np.int64)
        earned = 0.0
        for visit in range(EVERY):
            g = Rng(seed).at(period * EVERY + visit).numpy("visit")
            allowed = np.where(crowd.has_UI, 0.0, policy_UI)
            allowed /= allowed.sum(1, keepdims=True)
            at = g.random(len(users))[:, None]
            items = (allowed.cumsum(1) > at).argmax(1) if ARMS[arm][1] else allowed.argmax(1)
            rewards = crowd.show(users, items[:, None], g)[1][:, 0]
            log.append(
                rows(
                    data,
                    items,
                    allowed[users, items] if ARMS[arm][1] else np.ones(len(users)),
                    rewards,
                )
            )
            shown[visit], earned = items, earned + float(rewards.mean())
        periods.append({"reward": earned, **spread(crowd, shown), "entropy": entropy(allowed)})
    made = {
        "set": SET,
        "manner": asdict(MANNER),
        "visits": VISITS,
        "every": EVERY,
        "numerics": NUMERICS,
        "source": identity.source_digest(),
    }
    return {
        **made,
        "arm": arm,
        "seed": seed,
        "periods": periods,
        "reward": sum(p["reward"] for p in periods),
    }


def train(
    data: Dataset,
    crowd: Crowd,
    log: list[pl.DataFrame],
    how: list[str] | None,
    seed: int,
    folder: str,
) -> Run:
    """On all that users have, and for a policy on what was shown; before anything was shown, both
    by likelihood."""
    user, item = np.nonzero(crowd.has_UI)
    pairs = pl.DataFrame(
        {"user": data.users.ids[user].tolist(), "item": data.items.ids[item].tolist()}
    )
    common = [*HEAD, f"runs.root={folder}"]
    if how is None or not log:
        return api.train(api.interactions(pairs), [*common, "objective=likelihood"], seed=seed)
    return api.train(
        api.interactions(pairs, log=pl.concat(log)), ["experiment=policy", *how, *common], seed=seed
    )


def serve(run: Run, data: Dataset, crowd: Crowd) -> Floats:
    """(U,I) the run's policy in the crowd's order; 0 for what users have and for items the run does
    not know."""
    assert isinstance(run.stored.scorer, Policy)
    at = [
        np.array([ids.index(one) for one in mine.ids])
        for ids, mine in ((data.users, run.stored.users), (data.items, run.stored.items))
    ]
    here = served(run.stored.scorer, crowd.has_UI[np.ix_(*at)])
    policy_UI = np.zeros(crowd.has_UI.shape)
    policy_UI[np.ix_(*at)] = here
    return policy_UI


def rows(data: Dataset, items: Any, propensity: Floats, rewards: Floats) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user": data.users.ids.tolist(),
            "item": data.items.ids[items].tolist(),
            "propensity": propensity,
            "reward": rewards,
        }
    )


def spread(crowd: Crowd, shown: Any) -> dict[str, float]:
    """Share of the catalogue that anybody was shown, and how many planted segments a user was
    shown, exp of the entropy."""
    share_UK = crowd.home_IK[shown].mean(0)
    segments = np.exp(-(share_UK * np.log(np.maximum(share_UK, 1e-12))).sum(1))
    return {
        "catalogue": len(np.unique(shown)) / crowd.has_UI.shape[1],
        "segments": float(segments.mean()),
        "items": float(np.mean([len(np.unique(column)) for column in shown.T])),
    }


def entropy(policy_UI: Floats) -> float:
    return float(-(policy_UI * np.log(np.maximum(policy_UI, 1e-12))).sum(1).mean())


def table(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    periods = VISITS // EVERY
    lines = [
        f"{VISITS} visits, a training every {EVERY}; 500 users, 200 items, 4 segments; drift "
        f"{MANNER.drift}, saturation "
        f"{MANNER.saturation}. Means over seeds, ± half the 95 % interval. `python "
        "experiments/policy/longrun.py`",
        "",
        "| arm | reward a user | against greedy | "
        + " | ".join(f"visits {p * EVERY + 1}-{(p + 1) * EVERY}" for p in range(periods))
        + " | catalogue shown, last | segments shown a user, last | different items of 12, last"
        " | CPU s | seeds |",
        "|---|---:|---:|" + "---:|" * (periods + 5),
    ]
    for arm, cells in found.items():
        base = {c["seed"]: c["reward"] for c in found.get(GREEDY, [])}
        against = [c["reward"] - base[c["seed"]] for c in cells if c["seed"] in base]
        last = [
            statistics.fmean(c["periods"][-1][name] for c in cells)
            for name in ("catalogue", "segments", "items")
        ]
        figures = [
            interval([c["reward"] for c in cells], 2),
            interval(against, 2) if against and arm != GREEDY else "",
            *(
                f"{statistics.fmean(c['periods'][p]['reward'] for c in cells):.2f}"
                for p in range(periods)
            ),
            f"{last[0]:.0%}",
            f"{last[1]:.2f}",
            f"{last[2]:.1f}",
            f"{statistics.fmean(c['cpu_seconds'] for c in cells):.0f}",
            str(len(cells)),
        ]
        lines.append(f"| {arm} | " + " | ".join(figures) + " |")
    return lines


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    deadline, found = minutes(arguments), {arm: [] for arm in ARMS}  # type: dict[str, list[dict[str, Any]]]
    for seed in SEEDS:
        for arm in ARMS:
            name = arm.replace(":", "").replace(",", "").replace(" ", "-")
            with tempfile.TemporaryDirectory() as folder:
                one = kept(
                    RESULTS,
                    f"longrun/{name}-{seed}",
                    deadline,
                    partial(course, arm, seed, folder),
                )
            if one is not None:
                found[arm].append(one)
    every = set.intersection(*({c["seed"] for c in cells} for cells in found.values()))
    found = {arm: [c for c in cells if c["seed"] in every] for arm, cells in found.items()}
    (HERE / "longrun.md").write_text(
        "\n".join(table({a: c for a, c in found.items() if c})) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
