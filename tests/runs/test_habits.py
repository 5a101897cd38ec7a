"""A run with habits, from a table of visits to what its folder answers alone."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from gnnseg import config
from gnnseg.cli.command import main
from gnnseg.data import visits
from gnnseg.evaluation import evaluator, habits
from gnnseg.models.baselines import Baseline, FadingHistory
from gnnseg.rng import Rng
from gnnseg.runs import loading, persistence, refit, schema
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run
from gnnseg.runs.stored import StoredRun
from gnnseg.types import Features, HabitScorer, InputError

HABITS = ["head.habit=true", "evaluation.seen=allow"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("evaluation.seen=mask", "evaluation.seen=allow"),
        ("objective=policy", "objective=likelihood"),
        ("objective=sampled_softmax", "objective=likelihood"),
        ("head.beta=affinity", "head.beta=distribution"),
        ("head.beta=membership", "head.beta=distribution"),
        ("head=hybrid", "head.habit"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(changed: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        config.check(config.compose([*HABITS, changed]))
    assert str(refused.value).count("\n") == 0


def purchases(path: Path, *, timed: bool = True) -> Path:
    """40 people of two tastes, 12 visits of 3 items; six in ten of what they had before."""
    g = np.random.default_rng(0)
    rows = []
    for person in range(40):
        had: list[int] = []
        for visit in range(12):
            basket = set()
            while len(basket) < 3:
                new = int(g.integers(30)) + 30 * (person % 2)
                basket.add(had[g.integers(len(had))] if had and g.random() < 0.6 else new)
            had += sorted(basket)
            rows += [(f"p{person:02}", f"i{item:02}", 1.7e9 + visit * 86400.0) for item in basket]
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    (frame if timed else frame.drop("time")).write_csv(path)
    return path


def train(root: Path, path: Path, *overrides: str) -> Run:
    composed = config.compose(
        [
            f"runs.root={root}", "data=file", f"data.path={path}", "head.segments=2",
            "encoder.dim=8",
            "trainer.max_epochs=30", "trainer.eval_every=10", *HABITS, *overrides,
        ]
    )  # fmt: skip
    config.check(composed)
    return Run.load(pipeline.train(composed, say=lambda line: None, progress=False).path)


@pytest.mark.slow
def test_habits_that_no_visit_taught_are_nobodys(tmp_path: Path) -> None:
    """Everybody came once: what is recommended is the segments' alone, and that is said."""
    once = pl.read_csv(purchases(tmp_path / "purchases.csv")).with_columns(time=pl.lit(1.7e9))
    once.write_csv(tmp_path / "once.csv")
    found = train(tmp_path / "runs", tmp_path / "once.csv", "split=random", "evaluation.seen=allow")
    assert found.segments()["habit"].to_list() == [0.0] * 40
    assert found.metric("habit/weight") == 0
    assert any("no training event has an earlier visit" in each for each in found.record["alarms"])
    new = found.assign({"anna": ["i01", "i02"]})
    assert new["habit"].to_list() == [0.0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("habits")
    found = train(folder / "runs", purchases(folder / "purchases.csv"))
    moved = folder / "elsewhere" / found.path.name  # without its data
    shutil.copytree(found.path, moved)
    return Run.load(moved)


@pytest.mark.slow
def test_its_folder_holds_what_it_promises(run: Run) -> None:
    assert schema.check(run.path) == []
    theirs = {"own history", "own history (decay)", "own history (decay, repeats)"}
    assert theirs <= set(run.record["baselines"])
    assert 0 < run.metric("habit/weight") < 1
    assert "test/ndcg@20/top1" in run.metrics
    table = run.segments()
    assert table.columns[-1] == "habit"
    assert table["habit"].is_between(0, 1).all()
    examples = pl.read_parquet(run.path / "examples.parquet")
    parts = examples.select(pl.col("^part_.*$"), "habit").sum_horizontal()
    assert (parts - 1).abs().max() < 1e-5  # type: ignore[operator]
    assert "habit" in (run.path / "report.html").read_text("utf-8")
    (run.path / "habits.npz").rename(run.path / "gone")
    assert schema.check(run.path) == ["habits.npz: is missing"]
    (run.path / "gone").rename(run.path / "habits.npz")


@pytest.mark.slow
def test_it_answers_from_its_folder_as_it_was_trained(run: Run) -> None:
    scorer = loading.scorer_of(run.path)
    assert isinstance(scorer, HabitScorer)
    torch.testing.assert_close(scorer.habits, run.stored.tensor("habit"))
    again = run.evaluate("test", ks=[20]).filter(pl.col("metric") == "test/ndcg@20")
    assert again["value"][0] == pytest.approx(run.metric("test/ndcg@20"), abs=1e-6)


@pytest.mark.slow
def test_a_folder_that_knows_no_repeats_weighs_visits_alike(run: Run, tmp_path: Path) -> None:
    before = tmp_path / run.path.name
    shutil.copytree(run.path, before)
    with np.load(run.path / "habits.npz") as arrays:
        assert len(arrays["again"]) == len(run.stored.items)
        kept = {name: arrays[name] for name in arrays.files if name != "again"}
    np.savez(before / "habits.npz", **kept)
    assert schema.check(before) == []
    apart = persistence.visits_in(before)
    assert apart is not None
    size = len(run.stored.users), len(run.stored.items)
    plain = visits.latest(apart, visits.half_lives(apart), *size)
    old, new = (StoredRun(path).fold_in.graph.past for path in (before, run.path))
    assert old is not None
    assert new is not None
    assert old.again is None
    torch.testing.assert_close(old.share, plain.share)
    assert float((new.share - plain.share).abs().max()) > 1e-3
    scored, history = loading.scorer_of(before), {"anna": ["i01", "i01", "i03"]}
    assert isinstance(scored, HabitScorer)
    mixed = [run_.recommend(history, 5)["score"].to_list() for run_ in (Run(before), run)]
    assert mixed[0] != mixed[1]


@pytest.mark.slow
def test_no_half_life_of_own_history_is_better_on_validation(run: Run) -> None:
    """Against every half-life, ranked one at a time."""
    stored, cpu = run.stored, torch.device("cpu")
    graph, split = stored.fold_in.graph, stored.split()
    protocol = config.build(stored.config["evaluation"])
    train_pairs, task = protocol.training_pairs(split), protocol.valid_task(split)
    past = graph.past
    assert past is not None
    found = habits.fading(graph, split, train_pairs, protocol, cpu)
    assert list(found) == ["own history (decay)", "own history (decay, repeats)"]

    def reached(baseline: Baseline) -> float:
        baseline.fit(train_pairs, graph.users, graph.items, Rng(0))
        scorer = baseline.scorer(graph, Features())
        ranked = evaluator.rank(scorer, task, protocol, train_pairs, cpu)
        return float(ranked.metrics[f"ndcg@{max(protocol.ks)}"])

    for repeats, chosen in enumerate(found.values()):
        each = [
            reached(FadingHistory(past, at, repeats=bool(repeats)))
            for at in range(past.share.shape[1])
        ]
        assert reached(chosen) == max(each)
        assert min(each) < max(each)


@pytest.mark.slow
def test_an_explanation_names_habit_and_sums_to_the_whole(run: Run) -> None:
    user = str(run.segments()["user"][3])
    best = run.recommend(user, 1)["item"][0]
    why = run.explain(user, best)
    shares = why.filter(pl.col("share"))
    assert shares["value"].sum() == pytest.approx(1, abs=1e-5)
    assert shares["value"].is_sorted(descending=True)
    habit = why.filter(pl.col("part") == "habit")
    assert len(habit) == 1
    assert habit["segment"][0] is None
    assert habit["value"][0] > 0.3  # what is shown first was bought before
    assert why.filter(pl.col("part").str.starts_with("segment")).height == 2


@pytest.mark.slow
def test_what_is_shown_follows_the_runs_own_setting(run: Run) -> None:
    user = str(run.segments()["user"][3])
    had = set(purchases_of(run, user))
    shown = set(run.recommend(user, 10)["item"])
    assert shown & had
    assert not set(run.recommend(user, 10, seen="mask")["item"]) & had
    stored = pl.read_parquet(run.path / "recommendations.parquet")
    assert shown == set(stored.filter(pl.col("kind") == "user", pl.col("id") == user)["item"][:10])


def purchases_of(run: Run, user: str) -> list[str]:
    pairs = run.stored.pairs
    at = pairs["user"] == run.stored.users.index(user)
    return list(run.stored.items.ids[pairs["item"][at]])


@pytest.mark.slow
def test_new_users_have_the_habits_of_their_history(run: Run) -> None:
    """Their own past, as training had it: the h and p of somebody who bought the same."""
    with np.load(run.path / "habits.npz") as arrays:
        user, item, time = arrays["user"], arrays["item"], arrays["time"]
        mine = (user == 3) & arrays["trained"]
    history = pl.DataFrame(
        {
            "user": ["anna"] * int(mine.sum()),
            "item": run.stored.items.ids[item[mine]].astype(str),
            "time": time[mine],
        }
    )
    assigned = run.assign(history)
    expected = run.segments()["habit"][3]
    assert assigned["habit"][0] == pytest.approx(expected, abs=1e-5)
    shown = run.recommend(history, 5)["item"].to_list()
    assert set(shown) & set(history["item"])
    assert run.assign({"nobody": []})["habit"].to_list() == [0.0]
    listed = run.assign({"anna": history["item"].to_list()})  # without times nothing fades
    assert 0 < listed["habit"][0] < 1


@pytest.mark.slow
def test_the_command_finds_the_times_of_new_users(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = pl.DataFrame(
        {
            "user": ["anna"] * 4,
            "item": ["i01", "i03", "i01", "i05"],
            "time": ["2024-01-02", "2024-01-02", "2024-01-05", "2024-01-09"],
        }
    )
    history.write_csv(tmp_path / "new.csv")
    out, lists = tmp_path / "out.csv", tmp_path / "lists.csv"
    typed = ["assign", str(run.path), str(tmp_path / "new.csv"), "--out", str(out)]
    assert main([*typed, "--lists", str(lists), "-k", "3"]) == 0
    capsys.readouterr()
    known = history.with_columns(pl.col("time").str.to_datetime("%Y-%m-%d").dt.epoch("s") * 1.0)
    expected = run.assign(known)
    assert pl.read_csv(out)["habit"][0] == pytest.approx(expected["habit"][0], abs=1e-5)
    assert pl.read_csv(lists)["item"].to_list() == run.recommend(known, 3)["item"].to_list()


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["evaluation.protocol=paper", "trainer.batch_size=128"])
def test_other_protocols_and_batches_run(changed: str, tmp_path: Path) -> None:
    path = purchases(tmp_path / "purchases.csv")
    found = train(tmp_path / "runs", path, changed, "trainer.max_epochs=2", "trainer.eval_every=1")
    assert schema.check(found.path) == []
    with np.load(found.path / "habits.npz") as arrays:
        at = arrays["trained"]
        visited = set(zip(arrays["user"][at].tolist(), arrays["item"][at].tolist(), strict=True))
    pairs = found.stored.pairs
    trained = pairs["part"] <= (1 if "paper" in changed else 0)
    assert visited == set(
        zip(pairs["user"][trained].tolist(), pairs["item"][trained].tolist(), strict=True)
    )


@pytest.mark.slow
def test_without_times_counts_are_left_out_one_by_one(tmp_path: Path) -> None:
    found = train(tmp_path / "runs", purchases(tmp_path / "purchases.csv", timed=False))
    assert schema.check(found.path) == []
    with np.load(found.path / "habits.npz") as arrays:
        assert "time" not in arrays.files
    assert 0 < found.metric("habit/weight") < 1
    assert found.assign({"anna": ["i01", "i01", "i03"]})["habit"][0] > 0


@pytest.mark.slow
def test_the_same_seed_learns_the_same_bit_for_bit(tmp_path: Path) -> None:
    path = purchases(tmp_path / "purchases.csv")
    few = ("trainer.max_epochs=4", "trainer.eval_every=2", "threads=2")
    first, again = (load_file(train(tmp_path / name, path, *few).path / "model.safetensors")
                    for name in ("first", "again"))  # fmt: skip
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.slow
def test_a_refit_on_all_events_knows_the_visits_of_all_parts(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    path = refit.refit(tmp_path / "run", say=lambda line: None, progress=False)
    assert schema.check(path) == []
    with np.load(run.path / "habits.npz") as before, np.load(path / "habits.npz") as after:
        assert after["trained"].all()
        assert 0 < before["trained"].sum() < len(before["trained"])
        assert len(after["user"]) == len(before["user"])
        assert after["time"].max() == before["time"].max() > before["time"][before["trained"]].max()
    scorer = loading.scorer_of(path)
    assert isinstance(scorer, HabitScorer)
    torch.testing.assert_close(scorer.habits, Run.load(path).stored.tensor("habit"))
    with np.load(run.path / "habits.npz") as arrays:  # a folder of before
        few = {n: arrays[n][arrays["trained"]] for n in ("user", "item", "time")}
    np.savez(tmp_path / "run" / "habits.npz", **few)
    with pytest.raises(InputError, match="holds the visits of training alone"):
        refit.refit(tmp_path / "run", say=lambda line: None, progress=False, fresh=True)


@pytest.mark.slow
def test_a_later_run_counts_noise_by_the_earlier_visits(run: Run, tmp_path: Path) -> None:
    few = ("trainer.max_epochs=2", "trainer.eval_every=1", "segments.refits=1", "seed=1")
    path = purchases(tmp_path / "purchases.csv")
    later = train(tmp_path / "runs", path, f"segments.since={run.path}", *few)
    assert schema.check(later.path) == []
    assert len(later.record["since"]["moved_by_refit"]) == 1
    plain = train(tmp_path / "runs", path, "head.habit=false", *few)
    with pytest.raises(InputError, match="learned no habits"):
        train(tmp_path / "runs", path, f"segments.since={plain.path}", *few)
