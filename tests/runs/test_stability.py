"""Evidence in a run's folder: what it holds, that it is whole or not there, and who sees it."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg import config, tracking
from gnnseg.cli import main
from gnnseg.data.merging import join
from gnnseg.evaluation.segments import stability
from gnnseg.graph.rewiring import rewired
from gnnseg.rng import Rng
from gnnseg.runs import refits, schema
from gnnseg.runs import stability as added
from gnnseg.runs import train as pipeline
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "head.segments=4", "trainer.max_epochs=8", "trainer.eval_every=4", "encoder.dim=8",
    "threads=1", "device=cpu",
]  # fmt: skip
OLD = Path(__file__).parents[1] / "golden" / "run"


def composed(root: Path, *overrides: str) -> dict:
    found = config.compose([f"runs.root={root}", *SMALL, *overrides])
    config.check(found)
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = composed(tmp_path_factory.mktemp("runs"))
    return pipeline.train(made, say=lambda line: None).path


@pytest.fixture
def path(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "run"))


def contents(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}


@pytest.mark.slow
def test_evidence_stands_in_the_folder_and_everywhere_segments_are_shown(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segments", str(path)]) == 0
    assert "gnnseg segments run --evidence" in capsys.readouterr().out
    assert "--evidence" in (path / "report.html").read_text("utf-8")
    before = json.loads((path / "run.json").read_text("utf-8"))
    assert main(["segments", str(path), "--evidence", "--refits", "2"]) == 0
    out, err = capsys.readouterr()
    assert "fitted again 6 times" in err
    assert "stability over 2 refits" in out
    assert "comes back" in out
    assert schema.check(path) == []
    after = json.loads((path / "run.json").read_text("utf-8"))
    added = {"metrics", "evidence", "seconds"}
    assert {k: v for k, v in after.items() if k not in added} == {
        k: v for k, v in before.items() if k not in added
    }
    assert after["evidence"] == {"refits": 2, "share": 0.9}
    run = gnnseg.load(path)
    for name in ("stability_soft", "stability_ari", "sure_share", "seed_ari"):
        assert f"segment/{name}" in run.metrics
        assert f"segment/{name}/sd" in run.metrics
    assert "segment/stability_bootstrap_ari" in run.metrics
    frame = run.segments()
    assert set(frame["sure"].unique()) <= {0.0, 0.5, 1.0, None}
    assert run.groups().columns[-2:] == ["jaccard", "jaccard_min"]
    assert "stability over 2 refits" in (path / "report.html").read_text("utf-8")
    assert main(["show", str(path), "segment/stability_soft"]) == 0
    assert float(capsys.readouterr().out) == after["metrics"]["segment/stability_soft"]


@pytest.mark.slow
def test_the_figures_are_those_of_the_refits(path: Path) -> None:
    run = StoredRun(path)
    added.add(run, 2, workers=1)
    alpha = run.tensor("alpha").double().numpy()
    hard = alpha.argmax(1)
    sure = np.zeros(150)
    for other in refits.alphas(run, 2, workers=1):
        sure += stability.match(alpha, other)[hard] == other.argmax(1)
    assert gnnseg.load(path).segments()["sure"].to_list() == pytest.approx((sure / 2).tolist())


@pytest.mark.slow
def test_more_is_computed_only_where_more_is_asked(path: Path) -> None:
    assert added.add(StoredRun(path), 1, workers=1)
    assert "segment/stability_soft/sd" not in StoredRun(path).metrics
    assert not added.add(StoredRun(path), 1, workers=1)
    assert added.add(StoredRun(path), 2, workers=1)
    before = contents(path)
    assert not added.add(StoredRun(path), 1, workers=1)
    assert contents(path) == before
    assert added.add(StoredRun(path), 1, rewired=True, workers=1)
    record = StoredRun(path).record
    assert record["evidence"]["refits"] == 2
    assert len(record["evidence"]["rewired"]) == stability.REWIRED
    verdicts = StoredRun(path).frame("stability")
    beyond = record["metrics"]["segment/modularity"] > max(record["evidence"]["rewired"])
    stable = "natural" if beyond else "reproducible"
    for jaccard, verdict in verdicts.select("jaccard", "verdict").rows():
        assert verdict == (stable if jaccard >= 0.75 else "constructive")


@pytest.mark.slow
def test_a_run_that_is_killed_meanwhile_is_as_it_was(path: Path, monkeypatch) -> None:
    before = contents(path)

    def killed(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(refits, "one", killed)
    with pytest.raises(KeyboardInterrupt):
        added.add(StoredRun(path), 2, workers=1)
    assert contents(path) == before


@pytest.mark.slow
def test_training_adds_evidence_and_a_finished_run_gets_more(tmp_path: Path, monkeypatch) -> None:
    lines: list[str] = []
    summary, tabled = {}, []
    monkeypatch.setattr(tracking.Jsonl, "summary", lambda self, given: summary.update(given))
    monkeypatch.setattr(tracking.Jsonl, "table", lambda self, name, frame: tabled.append(name))
    path = pipeline.train(composed(tmp_path, "evidence.refits=1"), say=lines.append).path
    assert any("stability over 1 refit:" in line for line in lines)
    assert not any("--evidence" in line and "do these" in line for line in lines)
    once = StoredRun(path)
    assert summary["segment/stability_ari"] == once.metrics["segment/stability_ari"]
    assert tabled[-2:] == ["stability", "summary"]
    assert once.record["evidence"]["refits"] == 1
    for asked, refitted in ((1, 1), (0, 1), (2, 2)):
        again = pipeline.train(composed(tmp_path, f"evidence.refits={asked}"), say=lines.append)
        assert again.reused
        assert again.path == path
        assert StoredRun(path).record["evidence"]["refits"] == refitted


@pytest.mark.slow
def test_a_head_without_segments_is_left_alone(tmp_path: Path) -> None:
    lines: list[str] = []
    few = [each for each in SMALL if not each.startswith("head.")]
    made = config.compose([f"runs.root={tmp_path}", *few, "head=dot", "evidence.refits=2"])
    path = pipeline.train(made, say=lines.append).path
    assert "evidence" not in StoredRun(path).record
    assert any("no segments to look for again" in line for line in lines)


@pytest.mark.slow
def test_a_folder_of_before_gets_evidence_too(tmp_path: Path) -> None:
    path = Path(shutil.copytree(OLD, tmp_path / "old"))
    before = pl.read_parquet(path / "segments.parquet")
    assert "reason" not in before.columns
    record = json.loads((path / "run.json").read_text("utf-8"))
    if record["numerics"] != refits.NUMERICS:
        with pytest.raises(InputError, match="another model"):
            added.add(StoredRun(path), 1, workers=1)
        return
    added.add(StoredRun(path), 1, workers=1)
    after = pl.read_parquet(path / "segments.parquet")
    assert after["user"].to_list() == before["user"].to_list()
    assert json.loads((path / "run.json").read_text("utf-8"))["config"] == record["config"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--refits", "3"], "add --evidence"),
        (["--rewired"], "add --evidence"),
        (["--evidence", "--refits", "0"], "at least 1"),
    ],
)
def test_what_is_asked_wrongly_is_one_sentence(make_run, words, said, capsys) -> None:
    path, _ = make_run()
    assert main(["segments", str(path), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evidence.refits=-1", "must be 0 (none) or more"),
        ("evidence.refits=few", "must be a whole number"),
        ("evidence.rewired=true", "set evidence.refits=5"),
        ("+evidence.often=3", "evidence.often: no such setting"),
    ],
)
def test_settings_that_cannot_be_are_refused(override: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        config.check(config.compose([*SMALL, override]))
    assert said in str(error.value)


def test_graphs_of_chance_have_no_visits_which_is_said_before_data_are_read() -> None:
    habits = ["head.habit=true", "evaluation.seen=allow", "evidence.refits=1"]
    assert added.asked_of(config.compose([*SMALL, *habits]))
    with pytest.raises(InputError, match=r"evidence.rewired=true: head.habit=true learns habits"):
        added.asked_of(config.compose([*SMALL, *habits, "evidence.rewired=true"]))


def test_evidence_is_recorded_and_no_part_of_a_runs_name() -> None:
    from gnnseg.runs.identity import identity

    without, with_five = (config.compose([*SMALL, *more]) for more in ([], ["evidence.refits=5"]))
    assert identity(without, "f") == identity(with_five, "f")
    assert "evidence" not in config.recorded(without)
    assert config.recorded(with_five)["evidence"]["refits"] == 5
    assert config.upgraded(config.recorded(without))["evidence"]["refits"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("structure", [True, False], ids=["planted", "graph of chance"])
def test_planted_segments_are_natural_and_those_of_chance_are_not(
    structure: bool, tmp_path: Path
) -> None:
    drawn = pipeline.read(config.compose(SMALL), say=lambda line: None)
    pairs = join(drawn.train, join(drawn.valid, drawn.test, 80), 80)
    pairs = pairs if structure else rewired(pairs, Rng(0))
    table = {"user": pairs.user.astype(str), "item": pairs.item.astype(str)}
    settings = [each for each in SMALL if not each.startswith(("data", "trainer"))]
    settings += [f"runs.root={tmp_path}", f"cache.root={tmp_path}", "split=random"]
    settings += ["trainer.max_epochs=30", "trainer.eval_every=10"]
    run = gnnseg.train(gnnseg.interactions(table), settings)
    added.add(run.stored, 1, rewired=True, workers=1)
    verdicts = gnnseg.load(run.path).groups()["verdict"].to_list()
    assert verdicts.count("natural") == (4 if structure else 0)
