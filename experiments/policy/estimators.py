"""How far off-policy estimates can be trusted: many logs drawn, their intervals against the known
value.

usage: python experiments/policy/estimators.py [--times N] Writes estimators.json and estimators.md
beside itself. No data set is needed. 1,000 logs a scene, 2,000 rows each, users drawn anew; planted
users (data=planted, 200 users, 60 items, 4 segments), a policy that is neither the logger nor the
best.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg.data.sets.answers import choose, logger
from gnnseg.evaluation import offpolicy
from gnnseg.models.heads import Segments
from gnnseg.rng import Rng
from gnnseg.simulator import Crowd, Simulator
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, Floats, Log, Policy, Shape

HERE = Path(__file__).resolve().parent
SET = ["data.users=200", "data.items=60", "data.segments=4", "data.interactions=1500"]
ROWS = 2000
CAP = SWITCH = 3.0


@dataclass(frozen=True)
class Scene:
    """``mixed``: the logger's share of showings at random among what is new; the rest by (chance of
    a click)^``sharpness``."""

    name: str
    mixed: float
    sharpness: float
    length: int = 1


SCENES = (
    Scene("weights up to 20", 0.5, 1.0),
    Scene("weights up to 20, slates of two", 0.5, 1.0, length=2),
    Scene("a sharp logger, weights without bound", 0.0, 3.0),
)


class World:
    """Users, their policy and its true value."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.crowd = Crowd.of(Simulator.planted(SET).data)
        users = self.users = len(self.crowd.has_UI)
        self.seen = Csr.of(*np.nonzero(self.crowd.has_UI), self.crowd.has_UI.shape)
        self.policy = _policy(self.crowd)
        pi_UI = offpolicy.served(self.policy, torch.arange(users), self.seen)
        self.pi_UI, self.value = pi_UI, float(self.crowd.value(pi_UI).mean())
        self.expected = self.crowd.expected(np.arange(users))
        self.chance = np.where(self.crowd.has_UI, 0.0, self.crowd.chance(np.arange(users)))

    def logger(self, scene: Scene) -> Floats:
        """(U,I) the first place's probabilities."""
        uniform = logger(self.chance, self.crowd.has_UI, 0.0)
        return scene.mixed * uniform + (1 - scene.mixed) * logger(
            self.chance, self.crowd.has_UI, scene.sharpness
        )

    def log(self, scene: Scene, number: int) -> Log:
        g = Rng(number).numpy("log")
        first = self.logger(scene)
        slates = ROWS // scene.length
        who = np.sort(g.integers(self.users, size=slates))
        items, propensity = [choose(first, who, g)], [first[who, :]]
        propensity = [first[who, items[0]]]
        if scene.length == 2:
            left = first[who].copy()
            left[np.arange(slates), items[0]] = 0
            items.append(choose(left, np.arange(slates), g))
            propensity.append(second(first)[who, items[1]])
        user, item = np.tile(who, scene.length), np.concatenate(items)
        clicked = g.random(len(item)) < self.chance[user, item]
        position = np.repeat(np.arange(1, scene.length + 1), slates)
        reward = clicked * self.crowd.answers.value[item]
        return Log(
            slate=np.tile(np.arange(slates), scene.length),
            user=user,
            item=item,
            position=position,
            reward=reward,
            propensity=np.concatenate(propensity),
        )


def second(first: Floats) -> Floats:
    """(U,I) marginal probability of standing second where the second is drawn among what the first
    left (Plackett-Luce): p_j sum over i other than j of p_i/(1 - p_i)."""
    odds = first / (1 - first)
    found: Floats = first * (odds.sum(1, keepdims=True) - odds)
    return found


def _policy(crowd: Crowd) -> Policy:
    """Segments near the planted ones, tastes blurred: sharp enough to differ from the logger, not
    the best."""
    users, items = crowd.has_UI.shape
    k = crowd.answers.alpha.shape[1]
    head = Segments(
        Shape(users, items, torch.ones(items), width=k),
        Rng(1),
        segments=k,
        beta="distribution",
        tied=False,
        top=None,
        centre=True,
        tau_alpha=0.2,
        tau_beta=0.15,
        tau=0.1,
    )
    with torch.no_grad():
        head.user_KD.copy_(torch.eye(k))
        assert head.item_KD is not None
        head.item_KD.copy_(torch.eye(k))
    user = torch.from_numpy(crowd.answers.alpha).float()
    item = torch.from_numpy(crowd.home_IK).float() + 0.3 * torch.randn(
        items, k, generator=Rng(1).torch("items")
    )
    scorer = head(Embeddings(user, item, user, item))
    assert isinstance(scorer, Policy)
    return scorer


def one(job: tuple[Scene, int]) -> dict[str, tuple[float, float, float]]:
    """Estimates and intervals of one log, and its account."""
    scene, number = job
    world = _WORLD
    assert world is not None
    log, rng = world.log(scene, number), Rng(number)
    rows = offpolicy.rows(world.policy, log, world.seen, rng)
    found = offpolicy.estimate(rows, rng, cap=CAP, switch=SWITCH)
    kept = {name: (e.value, e.low, e.high) for name, e in found.items() if name != "logger"}
    return {**kept, "effective rows": (offpolicy.effective(rows.weight), 0.0, 0.0)}


_WORLD: World | None = None


def _start() -> None:
    global _WORLD
    _WORLD = World()


def main(arguments: list[str]) -> None:
    times = int(arguments[arguments.index("--times") + 1]) if "--times" in arguments else 1000
    begun, world, stored = time.monotonic(), World(), []
    with multiprocessing.get_context("spawn").Pool(2, _start) as pool:
        for scene in SCENES:
            found = pool.map(one, [(scene, number) for number in range(times)], chunksize=20)
            stored.append(summary(scene, world, found))
    account = {
        "logs": times,
        "rows": ROWS,
        "value": world.value,
        "optimum": float(world.crowd.optimum().mean()),
    }
    (HERE / "estimators.json").write_text(
        json.dumps({**account, "scenes": stored}, indent=1) + "\n", "utf-8"
    )
    (HERE / "estimators.md").write_text("\n".join(lines(account, stored)) + "\n", "utf-8")
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)


def summary(
    scene: Scene, world: World, found: list[dict[str, tuple[float, float, float]]]
) -> dict[str, Any]:
    allowed = np.where(world.crowd.has_UI, 0.0, world.pi_UI)
    p = world.logger(scene)
    if scene.length == 2:
        p = np.minimum(p, np.where(world.crowd.has_UI, np.inf, second(p)))
    bound = float((allowed[~world.crowd.has_UI] / p[~world.crowd.has_UI]).max())
    estimators = {}
    for name in found[0]:
        if name == "effective rows":
            continue
        values, low, high = (np.array([one[name][n] for one in found]) for n in range(3))
        inside = (low <= world.value) & (world.value <= high)
        estimators[name] = {
            "bias": float(values.mean() - world.value),
            "rmse": float(np.sqrt(((values - world.value) ** 2).mean())),
            "covered": float(inside.mean()),
        }
    effective = float(np.median([one["effective rows"][0] for one in found]))
    return {
        "scene": scene.name,
        "largest weight": bound,
        "effective rows": effective,
        "estimators": estimators,
    }


def lines(account: dict[str, Any], stored: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        f"{account['logs']:,} logs of {account['rows']:,} rows; true value {account['value']:.4f} "
        "(optimum "
        f"{account['optimum']:.4f}); 95 % percentile bootstrap over slates; Switch-DR with tau "
        f"{SWITCH:g}. "
        "`python experiments/policy/estimators.py`"
    )
    for scene in stored:
        yield ""
        yield f"## {scene['scene']}"
        yield ""
        yield (
            f"Largest possible weight {scene['largest weight']:.1f}; "
            f"effective rows {scene['effective rows']:.0f} (median)."
        )
        yield ""
        yield "| estimator | bias | RMSE | intervals that cover, % |"
        yield "|---|---:|---:|---:|"
        for name, e in scene["estimators"].items():
            yield f"| {name} | {e['bias']:+.4f} | {e['rmse']:.4f} | {100 * e['covered']:.1f} |"


if __name__ == "__main__":
    main(sys.argv[1:])
