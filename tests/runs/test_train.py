"""The main route on drawn data: identity, reuse, protocols, files, another seed."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from gnnseg import config
from gnnseg.evaluation import evaluator
from gnnseg.evaluation.protocol import Task
from gnnseg.evaluation.ranking import topk
from gnnseg.runs import environment, loading
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import identity
from gnnseg.runs.plan import Plan
from gnnseg.sparse import Csr
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "head.segments=4",
    "trainer.max_epochs=10", "trainer.eval_every=5", "encoder.dim=16",
]  # fmt: skip
QUICK = ["trainer.batch_size=1024", "trainer.max_epochs=2", "trainer.eval_every=1"]


def train(root: Path, *overrides: str, fresh: bool = False) -> pipeline.Result:
    composed = config.compose([f"runs.root={root}", *SMALL, *overrides])
    config.check(composed)
    return pipeline.train(composed, say=lambda line: None, fresh=fresh)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> pipeline.Result:
    return train(tmp_path_factory.mktemp("runs"))


def test_a_run_leaves_what_it_promises(first: pipeline.Result) -> None:
    names = {path.name for path in first.path.iterdir()}
    promised = {
        "run.json", "metrics.jsonl", "model.safetensors", "scores.safetensors", "ids.parquet",
        "seen.npz", "state.pt",
        "per_user.parquet", "segments.parquet", "groups.parquet", "recommendations.parquet",
        "cards.parquet",
        "examples.parquet", "report.html",
    }  # fmt: skip
    assert promised <= names
    record = RunFolder(first.path).read_json()
    assert record["state"] == "finished"
    assert record["metrics"]["valid/ndcg@20"] == pytest.approx(first.value)
    assert {"popularity", "posthoc (own embeddings)"} <= set(record["baselines"])
    for name in (
        "test/ndcg@20/top1",
        "test/ndcg@20/top3",
        "segment/segments_per_user",
        "segment/effective_k",
        "segment/recovery_ari",
    ):
        assert name in record["metrics"], name


def test_the_same_command_finds_its_run_and_fresh_repeats_it_exactly(
    first: pipeline.Result,
) -> None:
    before = load_file(first.path / "model.safetensors")
    again = train(first.path.parent)
    assert again.reused
    assert again.path == first.path
    repeated = train(first.path.parent, fresh=True)
    assert not repeated.reused
    after = load_file(first.path / "model.safetensors")
    assert all((before[name] == after[name]).all() for name in before)


def test_another_seed_is_another_run(first: pipeline.Result) -> None:
    """What is drawn follows the seed; by the defaults nothing is, and the weights are the same."""

    def weights(*overrides: str) -> dict[str, Any]:
        run = train(first.path.parent, *overrides).path
        assert run != first.path
        return dict(load_file(run / "model.safetensors"))

    mine, theirs = weights("head.start=k-means"), weights("head.start=k-means", "seed=1")
    assert any((mine[name] != theirs[name]).any() for name in mine)
    default, other = load_file(first.path / "model.safetensors"), weights("seed=1")
    assert all((default[name] == other[name]).all() for name in default)


def test_segments_and_lists_are_consistent(first: pipeline.Result) -> None:
    table = pl.read_parquet(first.path / "segments.parquet")
    alpha = table.select(pl.col("^alpha_.*$"))
    assert alpha.width == 4
    assert ((alpha.sum_horizontal() - 1).abs() < 1e-5).all()
    assert (alpha.to_numpy().argmax(1) + 1 == table["segment"].to_numpy()).all()
    groups = pl.read_parquet(first.path / "groups.parquet")
    assert groups["size"].sum() == len(table) == 150
    assert groups["share"].sum() == pytest.approx(1)
    lists = pl.read_parquet(first.path / "recommendations.parquet")
    assert (
        lists.filter(pl.col("kind") == "segment").group_by("id").len()["len"].to_list() == [20] * 4
    )
    ids = pl.read_parquet(first.path / "ids.parquet").filter(pl.col("kind") == "item")["id"]
    assert lists["item"].is_in(ids.implode()).all()


@pytest.mark.parametrize(
    "head",
    ["dot", "hybrid", "posthoc", "segments head.beta=membership", "segments head.beta=affinity"],
)
@pytest.mark.slow
def test_every_head_runs_under_its_default_objective(head: str, first: pipeline.Result) -> None:
    name, *more = head.split()
    small = [o for o in SMALL if name != "dot" or not o.startswith("head.")]
    whole = config.compose(
        [f"runs.root={first.path.parent}", *small, f"head={name}", *more, *QUICK]
    )
    config.check(whole)
    assert whole["objective"]["_target_"].endswith("SampledSoftmax")
    result = pipeline.train(whole, say=lambda line: None)
    record = RunFolder(result.path).read_json()
    assert record["metrics"]["test/ndcg@20"] > 0
    assert (result.path / "segments.parquet").exists() == (name != "dot")
    stored = loading.scorer_of(result.path)
    assert stored.block(torch.tensor([0])).shape == (1, record["data"]["items"])


@pytest.mark.parametrize("head", ["segments", "posthoc"])
def test_validation_is_ranked_again_only_where_the_head_is_made_after_training(
    head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked, final = [], evaluator.final
    measure = evaluator._on_validation

    def measured(*given: Any) -> dict[str, float]:
        ranked.append(given)
        return measure(*given)

    def anew(*given: Any, validation: Any, **named: Any) -> evaluator.Evaluation:
        return final(*given, **named)

    def figures() -> dict[str, float]:
        ranked.clear()
        result = train(tmp_path, f"head={head}", *QUICK, fresh=True)
        metrics = RunFolder(result.path).read_json()["metrics"]
        return {name: value for name, value in metrics.items() if name.startswith("valid/")}

    monkeypatch.setattr(evaluator, "_on_validation", measured)
    kept, times = figures(), len(ranked)
    monkeypatch.setattr(evaluator, "final", anew)
    assert (times, figures(), len(ranked)) == (head == "posthoc", kept, 1)
    assert kept


def test_a_stored_scorer_gives_the_stored_lists(first: pipeline.Result) -> None:
    scorer = loading.scorer_of(first.path)
    lists = pl.read_parquet(first.path / "recommendations.parquet").filter(pl.col("kind") == "user")
    ids = pl.read_parquet(first.path / "ids.parquet")
    users = dict(ids.filter(pl.col("kind") == "user").select("id", "index").rows())
    items = dict(ids.filter(pl.col("kind") == "item").select("index", "id").rows())
    user = lists["id"][0]
    shown = lists.filter(pl.col("id") == user).sort("rank")["item"].to_list()
    with np.load(first.path / "seen.npz") as seen:
        key = np.unique(seen["user"] * len(items) + seen["item"])
    mask = Csr.of(key // len(items), key % len(items), (len(users), len(items)))
    got, _ = topk(scorer, torch.tensor([users[user]]), len(shown), mask)
    assert [items[i] for i in got[0].tolist()] == shown


def test_protocol_paper_trains_on_validation_too(first: pipeline.Result) -> None:
    result = train(first.path.parent, "evaluation.protocol=paper")
    record = RunFolder(result.path).read_json()
    assert record["best"]["metric"] == "test/ndcg@20"
    assert record["metrics"]["test/ndcg@20"] == pytest.approx(result.value)
    assert not any(name.startswith("valid/") for name in record["metrics"])


@pytest.mark.slow
def test_identity_ignores_paths_and_devices_and_sees_all_else() -> None:
    base = config.compose([*SMALL])
    same = [
        ["runs.root=elsewhere"],
        ["data.root=elsewhere"],
        ["device=cpu"],
        ["threads=1"],
        ["tracking=wandb"],
        ["sweep.name=x"],
    ]
    for overrides in same:
        assert identity(config.compose([*SMALL, *overrides]), "f") == identity(base, "f"), overrides
    other = [
        ["seed=1"],
        ["split.seed=1"],
        ["encoder.dim=8"],
        ["optimizer.lr=0.01"],
        ["head.tau_alpha=0.3"],
        ["data.k_core=2"],
        ["evaluation.seen=allow"],
    ]
    hashes = {identity(config.compose([*SMALL, *o]), "f") for o in other} | {
        identity(base, "f"),
        identity(base, "g"),
    }
    assert len(hashes) == len(other) + 2
    assert identity(config.compose([*SMALL, "optimizer.lr=1"]), "f") == identity(
        config.compose([*SMALL, "optimizer.lr=1.0"]), "f"
    )


def test_a_held_folder_says_who_holds_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.locked(), pytest.raises(InputError, match="process .* on .* is at work"):
        with RunFolder(tmp_path / "run").locked():
            raise AssertionError("two at once")
    with folder.locked():
        pass


def test_divergence_names_the_term(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train/\w+ became (nan|inf).*lower optimizer.lr"):
        small = [o for o in SMALL if not o.startswith("head.")]
        overrides = [*small, "head=dot", "head.similarity=dot", "optimizer.lr=1e30", *QUICK]
        pipeline.train(config.compose([f"runs.root={tmp_path}", *overrides]), say=lambda line: None)
    record = json.loads(next(tmp_path.glob("*/run.json")).read_text("utf-8"))
    assert record["state"] == "failed"
    assert "became" in record["error"]


def test_cuda_that_is_not_there_is_one_sentence() -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(InputError, match="device=cuda: .*use device=auto"):
        environment.choose_device("cuda")


def test_pairs_may_count_by_what_was_spent_where_it_is_told(tmp_path: Path) -> None:
    rows = ["user,item,quantity,spend"]
    rows += [f"u{n % 30},i{n % 30 % 2 * 15 + n * 7 % 15},1,{1 + n % 9}" for n in range(600)]
    (tmp_path / "shop.csv").write_text("\n".join(rows) + "\n", "utf-8")
    common = [
        "data=file", f"data.path={tmp_path / 'shop.csv'}", "data.weight=quantity",
        "objective.weights=spend", "head.segments=2",
        "encoder.dim=4", "trainer.max_epochs=2", "evaluation.seen=allow",
        f"runs.root={tmp_path / 'runs'}", f"cache.root={tmp_path / 'cache'}", "threads=1",
    ]  # fmt: skip
    by_spend = config.compose([*common, "data.spend=spend"])
    config.check(by_spend)
    assert pipeline.train(by_spend, say=lambda line: None).value is not None
    without = config.compose([*common, "data.spend=''"])
    config.check(without)
    with pytest.raises(InputError, match=r"objective\.weights=spend: file has no spend"):
        pipeline.train(without, say=lambda line: None)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "a full batch asks for every user and item"),
        (["objective=sampled_softmax", "trainer.batch_size=256"], "this head asks for every item"),
        (["head.beta=affinity", "objective=sampled_softmax", "trainer.batch_size=256"], None),
    ],
)
def test_sampling_that_saves_nothing_is_said(
    overrides: list[str], said: str | None, tmp_path: Path
) -> None:
    lines: list[str] = []
    more = [
        "encoder=sage",
        "encoder.dim=8",
        "encoder.neighbours=[3,2]",
        "trainer.max_epochs=1",
        "trainer.eval_every=1",
    ]
    composed = config.compose([*SMALL, f"runs.root={tmp_path}", *overrides, *more])
    config.check(composed)
    pipeline.train(composed, say=lines.append)
    found = [line for line in lines if line.startswith("neighbours are sampled")]
    assert bool(found) == (said is not None)
    assert said is None or said in found[0]


def test_the_best_epoch_may_be_chosen_by_the_segments_state(first: pipeline.Result) -> None:
    result = train(first.path.parent, *QUICK, "trainer.monitor=segment/effective_k")
    lines = [
        json.loads(line) for line in (result.path / "metrics.jsonl").read_text("utf-8").splitlines()
    ]
    assert result.value == max(line["segment/effective_k"] for line in lines)
    assert all(
        "valid/ndcg@20" in line and not any(n.startswith("segment/ndcg") for n in line)
        for line in lines
    )


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_while_training_some_users_may_be_asked_and_everybody_in_the_end(
    protocol: str, tmp_path: Path
) -> None:
    part = "test" if protocol == "paper" else "valid"
    rules = [f"evaluation.protocol={protocol}", f"trainer.monitor={part}/ndcg@20"]
    every = train(tmp_path, *rules)
    some, all_of_them = (train(tmp_path, *rules, f"trainer.eval_users={n}") for n in (20, 10_000))
    assert len({each.path for each in (every, some, all_of_them)}) == 3

    def curve(result: pipeline.Result) -> list[dict[str, float]]:
        lines = (result.path / "metrics.jsonl").read_text("utf-8").splitlines()
        return [{**json.loads(line), "seconds": 0.0} for line in lines]

    assert curve(all_of_them) == curve(every)
    for one, other in zip(curve(some), curve(every), strict=True):
        assert one["train/loss"] == other["train/loss"]
        assert one[f"{part}/ndcg@20"] != other[f"{part}/ndcg@20"]

    record = RunFolder(some.path).read_json()
    composed = loading.configuration(some.path)
    plan = Plan.of(composed, pipeline.read(composed, lambda line: None), torch.device("cpu"))
    scorer, few = loading.scorer_of(some.path), plan.protocol.asking(20).valid_task(plan.split)
    assert int((few.relevant.degrees()[0] > 0).sum()) == 20

    def ndcg(task: Task) -> Any:
        found = evaluator.rank(scorer, task, plan.protocol, plan.train_pairs, plan.device)
        return pytest.approx(found.metrics["ndcg@20"], rel=1e-6)

    assert max(line[f"{part}/ndcg@20"] for line in curve(some)) == ndcg(few)
    assert some.value == ndcg(plan.protocol.valid_task(plan.split))
    assert record["best"]["value"] == record["metrics"][f"{part}/ndcg@20"] == some.value


def test_more_segments_than_users_are_refused(first: pipeline.Result) -> None:
    with pytest.raises(InputError, match=r"head\.segments=151: there are 150 users; choose fewer"):
        train(first.path.parent, "head.segments=151")


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="this system keeps one peak for all of a process",
)
def test_the_peak_of_a_run_is_its_own() -> None:
    device = torch.device("cpu")
    large = np.ones(40 << 20)
    assert environment.peak_memory_mb(device) > large.nbytes / 1e6
    before = environment.peak_memory_mb(device)
    del large
    environment.forget_peak(device)
    assert environment.peak_memory_mb(device) < before - 300


@pytest.mark.parametrize(
    "others", [[], ["head.beta=membership", "objective=bpr"], ["head=hybrid", "objective=bpr"]]
)
def test_who_has_met_everything_is_recommended_nothing(others: list[str], tmp_path: Path) -> None:
    everything = [f"all,{item}" for item in range(8)]
    rows = [f"u{user:02},{(3 * user + step) % 8}" for user in range(19) for step in range(5)]
    (tmp_path / "events.csv").write_text(
        "\n".join(["user,item", *everything, *rows]) + "\n", "utf-8"
    )
    few = [
        "head.segments=2",
        "encoder.dim=4",
        "trainer.max_epochs=2",
        "trainer.eval_every=1",
        "evaluation.ks=[3]",
    ]
    composed = config.compose(
        [
            f"runs.root={tmp_path / 'runs'}",
            "data=file",
            f"data.path={tmp_path / 'events.csv'}",
            "trainer.monitor=valid/ndcg@3",
            *few,
            *others,
        ]
    )
    config.check(composed)
    found = pipeline.train(composed, say=lambda line: None)
    shown = pl.read_parquet(found.path / "examples.parquet")
    assert len(shown)
    assert "all" not in shown["user"].to_list()
    assert "all" in pl.read_parquet(found.path / "segments.parquet")["user"].to_list()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_all_files_of_a_run_obey_the_umask_alike(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        path = train(tmp_path, *QUICK).path
    finally:
        os.umask(before)
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.iterdir() if each.is_file()}
    assert set(modes.values()) == {0o666 & ~umask}, modes
