import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def exported():
    """Clear every GNNSEG_* variable for all tests, and give what it was to those that ask.

    What a developer exported (a folder for runs, one for data) must not decide what a test finds. A
    module may still read a variable while it is collected, to skip where data are not there.
    """
    found = {name: value for name, value in os.environ.items() if name.startswith("GNNSEG_")}
    with pytest.MonkeyPatch.context() as patch:
        for name in found:
            patch.delenv(name)
        yield found


PARENT = """
import json, os, sys
import sklearn.cluster, sklearn.utils.extmath, threadpoolctl, torch._dynamo
from gnnseg import cli
from gnnseg.runs import pages, train
for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, int):
        print(os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]), flush=True)
        continue
    words, where, env, *streams = asked
    if (pid := os.fork()) == 0:
        break
    print(pid, flush=True)
else:
    os._exit(0)
os.setsid()
os.chdir(where)
os.environ.clear()
os.environ.update(env)
for number, path in enumerate([os.devnull, *streams]):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
sys.path[1:1] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
sys.argv = ["gnnseg", *words]
sys.exit(cli.main(words))
"""


class Forked:
    """A command at work; ``done()`` waits for its end and returns what it said, and its code."""

    def __init__(self, parent, words, cwd, env, out, err):
        self._parent, self._words, self._out, self._err = parent, words, out, err
        self.returncode = None
        self.pid = self._ask([words, str(cwd), env, str(out), str(err)])

    def done(self):
        if self.returncode is None:
            self.returncode = self._ask(self.pid)
        said = (path.read_text("utf-8") for path in (self._out, self._err))
        return subprocess.CompletedProcess(self._words, self.returncode, *said)

    def send_signal(self, number):
        os.kill(self.pid, number)

    def _ask(self, what):
        print(json.dumps(what), file=self._parent.stdin, flush=True)
        return int(self._parent.stdout.readline())


@pytest.fixture(scope="session")
def _parent():
    """A process that has imported what a training imports, and has used none of it."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PARENT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        process.stdin.close()


@pytest.fixture(scope="session")
def _begin(_parent, tmp_path_factory):
    here, numbers = tmp_path_factory.mktemp("said"), itertools.count()

    def begin(words, cwd, **env):
        files = (here / f"{next(numbers)}.{name}" for name in ("out", "err"))
        return Forked(_parent, list(words), cwd, {**os.environ, **env}, *files)

    return begin


@pytest.fixture
def start(_begin):
    """Start ``gnnseg WORDS`` in a process of its own: ``start(words, cwd)``, see ``Forked``.

    It is forked from one that has imported everything, which takes longer than a small training;
    session, streams, folder and environment are its own. That the command starts by itself, from
    nothing, is for tests of the command.
    """
    started = []

    def begin(words, cwd, **env):
        started.append(_begin(words, cwd, **env))
        return started[-1]

    yield begin
    for each in started:
        if each.returncode is None:
            each.send_signal(signal.SIGKILL)
            each.done()


@pytest.fixture(scope="session")
def gnnseg(_begin):
    """Do ``gnnseg WORDS`` in a process of its own: ``gnnseg(words, cwd)``, as ``start`` does."""
    return lambda words, cwd, **env: _begin(words, cwd, **env).done()


@pytest.fixture
def make_run(tmp_path):
    """A finished run's folder, written by hand on random embeddings, and the scorer it stands for:
    ``make_run(kind)``.

    kind: distribution | membership | affinity | hybrid | dot. User u<i>, item i<j>; item 0 is named
    '<script>', item 3 has no name. Every sixth user-item pair or so was seen.
    """
    from gnnseg.models.heads.dot import Dot
    from gnnseg.models.heads.hybrid import Hybrid
    from gnnseg.models.heads.segments import Segments
    from gnnseg.rng import Rng
    from gnnseg.types import Embeddings, Shape

    def make(kind="distribution", *, users=12, items=25, k=3, name="a-run", seed=0):
        draw = np.random.default_rng(seed)
        torch_draw = torch.Generator().manual_seed(seed)
        user = torch.randn(users, 6, generator=torch_draw)
        item = torch.randn(items, 6, generator=torch_draw)
        counts = torch.from_numpy(draw.integers(1, 30, items))
        shape, rng = Shape(users, items, counts, width=6), Rng(seed)
        common = {
            "tied": False,
            "top": None,
            "tau_alpha": 0.3,
            "tau_beta": 0.4,
            "tau": 0.5,
            "segments": k,
        }
        if kind == "dot":
            head = Dot(shape, rng, similarity="cosine", tau=0.5)
        elif kind == "hybrid":
            head = Hybrid(shape, rng, **common)
        else:
            head = Segments(shape, rng, beta=kind, centre=True, **common)
        with torch.no_grad():
            scorer = head.requires_grad_(False)(Embeddings(user, item, user, item))
            _write(tmp_path / name, scorer, user, item, counts, kind, draw)
        return tmp_path / name, scorer

    return make


def _write(path, scorer, user, item, counts, kind, draw):
    from safetensors.torch import save_file

    path.mkdir()
    users, items = len(user), len(item)
    names = ["<script>" if j == 0 else None if j == 3 else f"The item {j}" for j in range(items)]
    ids = pl.DataFrame(
        {
            "kind": ["user"] * users + ["item"] * items,
            "index": [*range(users), *range(items)],
            "id": [f"u{i}" for i in range(users)] + [f"i{j}" for j in range(items)],
            "name": [None] * users + names,
        }
    )
    ids.write_parquet(path / "ids.parquet")
    pairs = np.flatnonzero(draw.random(users * items) < 0.16)
    part = draw.choice(np.array([0, 0, 0, 1, 2], dtype=np.int8), len(pairs))
    order = np.lexsort((pairs, part))
    pairs, part = pairs[order], part[order]
    ones = np.ones(len(pairs))
    seen = {
        "user": pairs // items,
        "item": pairs % items,
        "part": part,
        "weight": ones,
        "count": ones.astype(np.int64),
    }
    np.savez(path / "seen.npz", **seen)
    scores = {"user": user, "item": item, "item_counts": counts}
    metrics = {
        "valid/ndcg@20": 0.31,
        "test/recall@20": 0.33,
        "test/ndcg@20": 0.29,
        "test/revenue@20": None,
    }
    lines = [
        {"epoch": e, "step": e, "train/loss": 7 / e, "lr": 0.1, "seconds": 0.1 * e}
        for e in range(1, 9)
    ]
    for line in lines[1::2]:
        line["valid/ndcg@20"] = 0.3 - 0.2 / line["epoch"]
    baselines = {"popularity": {"test/recall@20": 0.16, "test/ndcg@20": 0.147}}
    baselines["posthoc (own embeddings)"] = {"test/recall@20": 0.26, "test/ndcg@20": 0.24}
    recommended = [
        ("user", f"u{i}", rank, f"i{j}", names[j] or f"i{j}", -1.0 - rank)
        for i in range(users)
        for rank, j in enumerate(draw.permutation(items)[:5], 1)
    ]
    warnings = []
    if kind != "dot":
        alpha, k = scorer.alpha, scorer.alpha.shape[1]
        scores |= {"alpha": alpha.clone(), "beta": scorer.beta.clone()}
        metrics |= {"segment/effective_k": 2.7, "segment/segments_per_user": 1.9}
        metrics |= {"test/ndcg@20/top1": 0.25, "test/ndcg@20/top3": 0.28}
        warnings = ["segment 1 holds 60% of the users' mass"]
        hard = alpha.argmax(1)
        columns = {f"alpha_{c + 1}": alpha[:, c].numpy() for c in range(k)}
        segments = pl.DataFrame(
            {
                "user": [f"u{i}" for i in range(users)],
                "segment": hard.numpy() + 1,
                "reason": pl.Series([None] * users, dtype=pl.String),
                **columns,
            }
        )
        segments.write_parquet(path / "segments.parquet")
        groups = {
            "segment": list(range(1, k + 1)),
            "size": torch.bincount(hard, minlength=k).tolist(),
            "effective_size": (alpha.sum(0) ** 2 / (alpha**2).sum(0)).double().tolist(),
            "share": alpha.mean(0).double().tolist(),
            "group": torch.zeros(k, 6).tolist(),
            "prototype": torch.ones(k, 6).tolist(),
        }
        floats = pl.List(pl.Float32)
        frame = pl.DataFrame(groups, schema_overrides={"group": floats, "prototype": floats})
        frame.write_parquet(path / "groups.parquet")
        cards = [
            (c + 1, rank, f"i{j}", names[j] or f"i{j}", 0.1 / rank, 0.02, 5.0 / rank, 40)
            for c in range(k)
            for rank, j in enumerate([0, *draw.permutation(items)[:4]], 1)
        ]
        columns = ["segment", "rank", "item", "name", "share", "base", "lift", "support"]
        pl.DataFrame(cards, schema=columns, orient="row").write_parquet(path / "cards.parquet")
        recommended += [
            ("segment", str(c + 1), rank, f"i{j}", names[j] or f"i{j}", 0.1 / rank)
            for c in range(k)
            for rank, j in enumerate(draw.permutation(items)[:5], 1)
        ]
        _examples(path, scorer, names, k)
    save_file({n: t.contiguous().clone() for n, t in scores.items()}, path / "scores.safetensors")
    save_file({"head.nothing": torch.zeros(1)}, path / "model.safetensors")
    columns = ["kind", "id", "rank", "item", "name", "score"]
    pl.DataFrame(recommended, schema=columns, orient="row").write_parquet(
        path / "recommendations.parquet"
    )
    per_user = pl.DataFrame(
        {
            "user": ["u0", "u1"],
            "recall@20": [0.5, 0.25],
            "ndcg@20": [0.5, 0.2],
            "cold": [False, True],
        }
    )
    per_user.write_parquet(path / "per_user.parquet")
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    record = _record(
        path.name, users, items, np.bincount(part, minlength=3), kind, metrics, baselines, warnings
    )
    (path / "run.json").write_text(json.dumps(record), "utf-8")


def _examples(path, scorer, names, k):
    rows = []
    for i in range(2):
        shown = torch.tensor([0, 3 + i, 7 + i])
        why = scorer.explain(torch.full((3,), i), shown)
        for rank, j in enumerate(shown.tolist()):
            rows.append(
                {
                    "user": f"u{i}",
                    "rank": rank + 1,
                    "item": f"i{j}",
                    "name": names[j] or f"i{j}",
                    "score": -1.0 - rank,
                    "shares": why.shares,
                    "bias": float(why.bias[rank]),
                    "personal": None if why.personal is None else float(why.personal[rank]),
                    **{f"part_{c + 1}": float(why.segments[rank, c]) for c in range(k)},
                }
            )
    pl.DataFrame(rows, schema_overrides={"personal": pl.Float64}).write_parquet(
        path / "examples.parquet"
    )


def _record(name, users, items, parts, kind, metrics, baselines, warnings):
    evaluation = {
        "_target_": "gnnseg.evaluation.protocol.Protocol",
        "protocol": "clean",
        "seen": "mask",
        "ks": [5, 20],
    }
    head = {"_target_": f"gnnseg.models.heads.x.{kind.title()}", "segments": 3}
    if kind not in ("dot", "hybrid"):
        head["beta"] = kind
    return {
        "schema": 1,
        "numerics": 1,
        "hash": "ab" * 32,
        "name": name,
        "state": "finished",
        "error": None,
        "config": {
            "data": {"name": "toy"},
            "encoder": {"_target_": "gnnseg.models.encoders.lightgcn.LightGCN", "layers": 2},
            "head": head,
            "evaluation": evaluation,
            "seed": 0,
        },
        "data": {
            "name": "toy",
            "users": users,
            "items": items,
            "train": int(parts[0]),
            "valid": int(parts[1]),
            "test": int(parts[2]),
            "fingerprint": "cd" * 32,
            "pairs": {"train": "0" * 16, "valid": "1" * 16, "test": "2" * 16},
            "split": "random_overall",
            "notes": {"read": {"rows": 100}},
        },
        "versions": {"python": "3.11.7", "torch": "2.6"},
        "git": None,
        "source": "ef" * 32,
        "device": {"name": "cpu", "why": "torch has no CUDA", "threads": 2},
        "seconds": {"data": 0.1, "train": 2.0, "evaluate": 0.5, "total": 2.6},
        "memory_mb": 300.0,
        "parameters": 1234,
        "protocol": "clean",
        "seen": "mask",
        "metrics": metrics,
        "baselines": baselines,
        "best": {"epoch": 8, "metric": "valid/ndcg@20", "value": 0.31},
        "alarms": warnings,
        "exact": True,
    }
