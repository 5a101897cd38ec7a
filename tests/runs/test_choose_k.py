"""How many segments: by the command and from Python, found again, gone on with, refused."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.cli import main
from gnnseg.evaluation.segments import how_many
from gnnseg.runs import candidates, choice, choose_k, refits
from gnnseg.runs import stability as evidence
from gnnseg.runs import train as pipeline
from gnnseg.runs.configured import configured
from gnnseg.runs.stored import StoredRun
from gnnseg.types import IdMap, InputError, Pairs, Split

DATA = ["data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4"]
FEW = ["trainer.max_epochs=20", "trainer.eval_every=10", "encoder.dim=8", "threads=1", "device=cpu",
       "evaluation.metrics=[recall,ndcg]", "evaluation.ks=[20]"]  # fmt: skip
SMALL = [*DATA, *FEW]
ASKED = ["--segments", "2,4,6", "--refits", "2"]
FILES = ("choice.csv", "choice.html", "choice.json", "choice.parquet", "choice.svg",
         "per_user.parquet", "refits.parquet")  # fmt: skip


def choose(root: Path, *more: str) -> int:
    return main(["choose-k", "data=planted", *SMALL, f"runs.root={root}", *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a choice, its runs beside it."""
    root = tmp_path_factory.mktemp("runs")
    assert choose(root, *ASKED) == 0
    (path,) = root.glob("choose-k-*")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "runs")
    return tmp_path / "runs" / made.name


def contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in FILES}


@pytest.mark.slow
def test_the_command_says_a_table_a_reason_and_where(path: Path, tmp_path, capsys) -> None:
    out = tmp_path / "table.csv"
    assert choose(path.parent, *ASKED, "--out", str(out)) == 0
    said, err = capsys.readouterr()
    *_, reason, folder, written = said.splitlines()
    assert (folder, written) == (str(path), str(out))
    record = json.loads((path / "choice.json").read_text("utf-8"))
    assert reason == record["reason"]
    assert reason.startswith(f"K = {record['recommended']}: ")
    assert "K = 2, 4, 6: 4 trainings and 6 refits" in err
    assert "test/" not in said + err
    assert pl.read_csv(out)["segments"].to_list() == [2, 4, 6]
    assert sorted(each.name for each in path.iterdir() if each.name[0] != ".") == sorted(FILES)


@pytest.mark.slow
def test_the_figures_are_the_runs_own(path: Path) -> None:
    found = choice.ChosenK.load(path)
    assert found.table.schema == choice.ROWS
    assert pl.read_parquet(path / "choice.parquet").equals(found.table)
    by_user = pl.read_parquet(path / "per_user.parquet")
    dot = StoredRun(path.parent / found.record["dot"]["run"])
    assert dot.config["head"]["_target_"].endswith("Dot")
    for row in found.table.iter_rows(named=True):
        run = StoredRun(path.parent / row["run"])
        assert run.config["head"]["segments"] == row["segments"]
        assert row["recall"] == pytest.approx(run.metrics["valid/recall@20"])
        assert row["ndcg"] == pytest.approx(run.metrics["valid/ndcg@20"])
        assert row["price"] == pytest.approx(row["ndcg"] / dot.metrics["valid/ndcg@20"])
        assert row["effective_k"] == run.metrics["segment/effective_k"]
        assert row["recall"] == pytest.approx(by_user[f"recall@20/{row['segments']}"].mean())
        evidence.add(run, 2, workers=1)  # the same refits, by another way
        again = StoredRun(run.path)
        assert row["soft"] == pytest.approx(again.metrics["segment/stability_soft"])
        assert row["ari"] == pytest.approx(again.metrics["segment/stability_ari"])
        mean = again.frame("stability")["jaccard"]
        assert row["jaccard"] == pytest.approx(mean.median())
        assert row["jaccard_min"] == pytest.approx(mean.min())
        placed = again.frame("segments")["segment"].is_not_null().to_numpy()
        alpha = again.tensor("alpha").numpy()[placed]
        assert row["largest_alpha"] == pytest.approx(float(alpha.max(1).mean()))
    best = by_user[f"recall@20/{found.record['best']}"]
    for row in found.table.iter_rows(named=True):
        gap = best - by_user[f"recall@20/{row['segments']}"]
        assert row["behind"] == pytest.approx(gap.mean(), abs=1e-12)
        assert row["behind_se"] == pytest.approx(gap.std() / math.sqrt(len(gap)), abs=1e-12)
        assert row["near"] == (gap.mean() <= best.std() / math.sqrt(len(gap)))


@pytest.mark.slow
def test_each_k_is_a_run_that_train_finds(path: Path) -> None:
    overrides = ["data=planted", *SMALL, f"runs.root={path.parent}", "head.segments=4"]
    result = pipeline.train(configured(overrides, []), say=lambda line: None)
    assert result.reused
    assert result.path.name == choice.ChosenK.load(path).run(4).path.name


@pytest.mark.slow
def test_the_same_command_again_computes_nothing(path: Path, monkeypatch) -> None:
    def never(*given: object, **named: object) -> None:
        raise AssertionError("computed again")

    before = contents(path)
    for where, name in ((refits, "one"), (pipeline, "fit_in"), (choose_k, "_ranked")):
        monkeypatch.setattr(where, name, never)
    assert choose(path.parent, *ASKED) == 0
    assert contents(path) == before


@pytest.mark.slow
def test_another_grid_adds_to_the_same_folder(path: Path, monkeypatch) -> None:
    made, one = [], refits.one
    monkeypatch.setattr(refits, "one", lambda *given: made.append(given[1:]) or one(*given))
    assert choose(path.parent, "--segments", "6,3,4", "--refits", "1") == 0
    assert made == [("events", 1)]  # of K = 3 alone
    (found,) = path.parent.glob("choose-k-*")
    assert found == path
    record = choice.ChosenK.load(path).record
    assert record["asked"] == {"segments": [3, 4, 6], "refits": 1, "share": 0.9}
    assert pl.read_parquet(path / "refits.parquet").height == 7
    made.clear()
    assert choose(path.parent, *ASKED, "--no-price") == 0
    assert made == []
    record = choice.ChosenK.load(path).record
    assert record["dot"] == {"run": None, "ndcg": None, "why": "--no-price"}
    assert {row["price"] for row in record["rows"]} == {None}


@pytest.mark.slow
def test_it_goes_on_where_it_was_stopped(made: Path, tmp_path: Path, monkeypatch) -> None:
    asked, one = [], refits.one

    def killed(*given):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(given)
        return one(*given)

    monkeypatch.setattr(refits, "one", killed)
    assert choose(tmp_path, *ASKED) == 130
    (path,) = tmp_path.glob("choose-k-*")
    assert not (path / "choice.json").exists()
    assert pl.read_parquet(path / "refits.parquet").height == 3
    with pytest.raises(InputError, match="no choice here"):
        choice.ChosenK.load(path)
    again = []
    monkeypatch.setattr(refits, "one", lambda *given: again.append(given) or one(*given))
    assert choose(tmp_path, *ASKED) == 0
    assert len(again) == 3
    assert path.name == made.name
    frames = [choice.ChosenK.load(each).table.drop("seconds") for each in (made, path)]
    assert frames[0].equals(frames[1])  # bit for bit what one go gives
    for name in ("refits.parquet", "per_user.parquet"):
        assert pl.read_parquet(made / name).equals(pl.read_parquet(path / name))


@pytest.mark.slow
def test_no_test_figure_is_read(path: Path, monkeypatch) -> None:
    before = choice.ChosenK.load(path)
    for run in path.parent.glob("planted-*"):
        (run / "per_user.parquet").unlink()
        (run / "evidence.parquet").unlink(missing_ok=True)
        record = json.loads((run / "run.json").read_text("utf-8"))
        for name in record["metrics"]:
            if name.startswith("test/"):
                record["metrics"][name] = 7.0
        record |= {"baselines": {}, "losing": []}
        (run / "run.json").write_text(json.dumps(record), "utf-8")
        with np.load(run / "seen.npz") as stored:
            columns = dict(stored)
        draw = np.random.default_rng(0)
        test = columns["part"] == 2
        columns["item"][test] = draw.permutation(columns["item"][test])
        np.savez_compressed(run / "seen.npz", **columns)
    shutil.rmtree(path)
    assert choose(path.parent, *ASKED) == 0
    after = choice.ChosenK.load(path)
    assert after.table.equals(before.table)
    assert (after.segments, after.reason) == (before.segments, before.reason)


@pytest.mark.slow
def test_python_gives_the_same_choice(path: Path) -> None:
    overrides = [*SMALL, f"runs.root={path.parent}"]
    found = gnnseg.choose_k("planted", overrides, segments=[6, 2, 4], refits=2)
    assert isinstance(found, gnnseg.ChosenK)
    assert found.path == path
    assert found.segments == json.loads((path / "choice.json").read_text())["recommended"]
    assert found.reason in str(found)
    assert found.run().metrics["segment/effective_k"] <= found.segments
    with pytest.raises(InputError, match="5: was not tried; there are 2, 4, 6"):
        found.run(5)


@pytest.mark.slow
def test_a_table_of_ones_own(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    user, half = draw.integers(0, 60, 900), draw.integers(0, 15, 900)
    frame = pl.DataFrame({"user": user, "item": user % 2 * 15 + half})
    few = [*FEW, "split=random", f"runs.root={tmp_path}"]
    found = gnnseg.choose_k(gnnseg.interactions(frame, name="mine"), few, refits=1, price=False)
    assert found.table["segments"].to_list() == [2, 3, 4, 6]  # ten people a segment
    assert found.segments == 2
    assert found.path.name.startswith("choose-k-mine-lightgcn-segments-")


def test_what_head_dot_cannot_be_is_no_price(tmp_path: Path) -> None:
    overrides = ["data=planted", "regularisers.balance.weight=0.1"]
    found = candidates.without_segments(configured(overrides, []), overrides, [])
    assert found.config is None
    assert found.why.startswith("head=dot cannot be trained so (")
    overrides = ["data=planted", "head.tau_beta=0.3", "trainer.max_epochs=7", "optimizer.lr=0.7"]
    config = candidates.without_segments(configured(overrides, []), overrides, []).config
    assert config["trainer"]["max_epochs"] == 7
    assert config["optimizer"] == configured(["head=dot"], [])["optimizer"]
    assert config["objective"] == configured(["head=dot"], [])["objective"]


def split_of(users: int, items: int) -> Split:
    no = Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    ids = [
        IdMap(np.array([str(n) for n in range(count)], dtype=object)) for count in (users, items)
    ]
    return Split(name="some", users=ids[0], items=ids[1], train=no, valid=no, test=no)


@pytest.mark.parametrize(
    ("users", "items", "top", "numbers"),
    [
        (943, 1682, 0, [2, 3, 4, 6, 8, 12, 16, 24, 32]),
        (130, 1000, 0, [2, 3, 4, 6, 8, 12]),
        (1000, 13, 0, [2, 3, 4, 6]),
        (12, 9, 0, [2]),
        (130, 1000, 4, [4, 6, 8, 12]),
    ],
)
def test_the_grid_is_what_the_data_bear(users, items, top, numbers) -> None:
    assert candidates.grid(None, split_of(users, items), top) == numbers


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["head=dot"], "head=dot: has no segments to count"),
        (["evaluation.protocol=paper"], "validation alone"),
        (["--segments", "1,4"], "segments 1: one segment holds everybody"),
        (["--segments", "0"], "segments 0"),
        (["--segments", "4,8,4"], "segments 4: is given twice"),
        (["--segments", "4,eight"], "--segments 4,eight: give whole numbers"),
        (["--segments", ""], "--segments : give whole numbers"),
        (["--segments", "80"], "150 users and 80 items; give numbers below both"),
        (["--refits", "0"], "refits 0: there must be at least 1"),
        (["--refits", "few"], "--refits: invalid int value"),
        (["head.segments=8"], "head.segments=8: K is what is to be chosen"),
        (["-m", "seed=0,1"], "-m: the numbers of segments are the only sweep"),
        (["--cfg", "job"], "--cfg: no such option of choose-k"),
        (["segments.since=old"], "segments.since=old: keeps the segments of that run"),
        (["--out", "table.doc"], "unknown kind of file"),
        (["head.segmnts=8"], "no such setting"),
        (["nothing.csv"], "nothing.csv"),
    ],
)
def test_what_cannot_be_is_one_sentence(words, said, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    data = [] if words == ["nothing.csv"] else ["data=planted", *SMALL]
    assert main(["choose-k", *data, f"runs.root={tmp_path}/runs", *words]) == 2
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1]
    assert err[-1].startswith("gnnseg: ")
    assert not list(tmp_path.glob("runs/planted-*"))


def test_data_without_validation_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "read", lambda *given: split_of(150, 80))
    config = configured(["data=planted", f"runs.root={tmp_path}"], [])
    with pytest.raises(InputError, match="some: the split holds no validation pairs"):
        choose_k.choose(config, dot=candidates.WithoutSegments(None, "not asked"))


def test_a_log_is_refused(tmp_path: Path, capsys) -> None:
    assert choose(tmp_path, "objective=policy", "objective.reward=clicked", "data.log_events=500",
                  "objective.importance=logged") == 2  # fmt: skip
    assert "learns from a log" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "named", "said"),
    [
        (["head.segments=4"], {}, "K is what is to be chosen"),
        (["head=dot"], {}, "has no segments to count"),
        (["data=ml-100k"], {}, "the data are given already"),
        ([*SMALL], {"segments": [1]}, "segments 1: one segment holds everybody"),
        ([*SMALL], {"segments": []}, "none is given"),
        ([*SMALL], {"refits": 0}, "there must be at least 1"),
    ],
)
def test_python_refuses_in_one_sentence(overrides, named, said, tmp_path: Path) -> None:
    root = [] if "data=ml-100k" in overrides else [f"runs.root={tmp_path}"]
    with pytest.raises(InputError, match=said):
        gnnseg.choose_k("planted", [*overrides, *root], **named)


def test_the_mark_is_that_of_the_issue() -> None:
    assert how_many.JACCARD == 0.6
    assert candidates.GRID == (2, 3, 4, 6, 8, 12, 16, 24, 32)
