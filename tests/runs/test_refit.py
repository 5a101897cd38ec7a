"""A refit on all events: what it is trained on, its numbers, and that nothing of it is a test
figure."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.torch import load_file

import gnnseg
from gnnseg import config
from gnnseg.cli import main
from gnnseg.config import compose
from gnnseg.report import notebook, page, tables
from gnnseg.runs import durable, refit, schema
from gnnseg.runs import train as pipeline
from gnnseg.runs.identity import identity
from gnnseg.runs.run import Run
from gnnseg.training.steps import Steps
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "head.segments=4", "trainer.max_epochs=10", "trainer.eval_every=5", "encoder.dim=16",
]  # fmt: skip


def train(root: Path, *overrides: str) -> Path:
    small = [o for o in SMALL if "head=dot" not in overrides or not o.startswith("head.")]
    composed = config.compose([f"runs.root={root}", *small, *overrides])
    config.check(composed)
    return pipeline.train(composed, say=lambda line: None, progress=False).path


def again(path: Path, **more) -> Path:
    return refit.refit(path, say=lambda line: None, progress=False, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def refitted(run):
    return again(run)


def test_all_events_are_trained_on_and_none_is_asked_about(run, refitted):
    assert refitted == run.with_name(run.name + "-refit")
    before, after = Run.load(run).split(), Run.load(refitted).split()
    assert len(after.valid) == len(after.test) == 0
    assert len(after.train) == sum(map(len, before.parts.values()))  # drawn pairs stand once
    assert after.train.weight.sum() == sum(p.weight.sum() for p in before.parts.values())
    counts = load_file(refitted / "scores.safetensors")["item_counts"]
    assert counts.sum() == len(after.train)
    record = json.loads((refitted / "run.json").read_text("utf-8"))
    assert record["refit"]["run"] == run.name
    assert record["refit"]["epoch"] == Run(run).record["best"]["epoch"]
    last = json.loads((refitted / "metrics.jsonl").read_text("utf-8").splitlines()[-1])
    assert last["epoch"] == record["refit"]["epoch"]
    assert schema.check(refitted) == []


def test_nothing_of_it_is_a_test_figure(run, refitted, capsys):
    record = json.loads((refitted / "run.json").read_text("utf-8"))
    assert all(name.startswith("segment/") for name in record["metrics"])
    assert record["baselines"] == {}
    assert record["evaluated"]["metrics"] == Run(run).metrics
    for text in (refitted / "metrics.jsonl").read_text("utf-8").splitlines():
        assert not [name for name in json.loads(text) if name.startswith(("test/", "valid/"))]
    assert not (refitted / "per_user.parquet").exists()
    for words in (
        ["show", str(refitted), "test/ndcg@20"], ["evaluate", str(refitted)],
        ["compare", str(refitted)], ["refit", str(refitted)],
    ):  # fmt: skip
        assert main(words) == 2, words
        said = capsys.readouterr()
        assert run.name in said.err
        assert said.out == ""
    assert main(["compare", str(run), str(refitted)]) == 0
    said = capsys.readouterr()
    assert f"left out, refitted on all events, without test figures: {refitted.name}" in said.err
    assert "test" not in repr(Run(refitted))


def test_what_is_shown_is_said_to_be_of_the_evaluated_run(run, refitted):
    said = f"Refit on all events; the figures are of the evaluated run {run.name}."
    figure = f"{Run(run).metrics['test/ndcg@20']:.4f}"
    for text in (page.render(refitted), tables.run(refitted), notebook.cell(refitted)):
        assert "Refit on all events" in text
        assert figure in text
        assert "this run </td>" not in text
    assert said in tables.run(refitted)
    assert said in page.render(refitted)
    assert "the evaluated run" in tables.run(refitted)
    assert "Refit" not in page.render(run)


def test_its_figures_and_segments_say_whose_ranking_and_stability_are_its_own(
    run, refitted, capsys
):
    for words in (["show"], ["segments"]):
        assert main([*words, str(refitted)]) == 0
        said = capsys.readouterr()
        assert f"those of the evaluated run {run.name}" in said.out + said.err
        assert main([*words, str(run)]) == 0
        said = capsys.readouterr()
        assert "refit on all events" not in said.out + said.err


def test_segments_keep_numbers_and_ids(run, refitted):
    before, after = Run.load(run), Run.load(refitted)
    assert durable.of(after.stored) == durable.of(before.stored)
    overlap = before.alpha.T @ after.alpha
    from itertools import permutations

    best = max(permutations(range(4)), key=lambda p: sum(overlap[k, p[k]] for k in range(4)))
    assert list(best) == [0, 1, 2, 3]
    assert (after.alpha.argmax(1) == before.alpha.argmax(1)).mean() > 0.8


def test_it_answers_like_any_run(run, refitted, capsys):
    found = Run.load(refitted)
    user = found.stored.users.ids[0]
    met = found.split().train
    items = {found.stored.items.ids[i] for i in met.item[met.user == 0]}
    assert not items & set(found.recommend(user, 10)["item"])
    why = found.explain(user, found.stored.items.ids[3])
    assert sum(row["value"] for row in why.iter_rows(named=True) if row["share"]) == pytest.approx(
        1
    )
    assert main(["segments", str(refitted)]) == 0
    assert found.assign({"new": list(items)})["segment"].to_list()[0] in range(1, 5)
    assert pl.read_parquet(refitted / "profiles.parquet").height  # the encoder reads no attributes


def test_it_is_found_again_and_made_again_where_the_run_was(run, refitted, tmp_path):
    stamp = (refitted / "run.json").stat().st_mtime_ns
    assert again(run) == refitted
    assert (refitted / "run.json").stat().st_mtime_ns == stamp
    for path in (run, refitted):
        shutil.copytree(path, tmp_path / path.name)
    shutil.copy(refitted / "model.safetensors", tmp_path / run.name)  # trained anew since
    path = again(tmp_path / run.name)
    assert (path / "run.json").stat().st_mtime_ns != stamp


def test_needs_neither_the_data_nor_an_earlier_state(run, refitted, tmp_path):
    shutil.copytree(run, tmp_path / run.name)
    (tmp_path / run.name / "state.pt").unlink()
    path = again(tmp_path / run.name)
    mine, theirs = (load_file(p / "model.safetensors") for p in (path, refitted))
    assert all((mine[name] == theirs[name]).all() for name in theirs)


def test_interrupted_it_goes_on_to_the_same(run, refitted, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / run.name)
    taken = []

    def step(*arguments):
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    real = Steps.__call__
    monkeypatch.setattr(Steps, "__call__", step)
    with pytest.raises(KeyboardInterrupt):
        again(tmp_path / run.name)
    path = again(tmp_path / run.name)
    mine, theirs = (load_file(p / "model.safetensors") for p in (path, refitted))
    assert all((mine[name] == theirs[name]).all() for name in theirs)


def test_two_processes_are_locked_out(run, refitted):
    from gnnseg.runs.folder import RunFolder

    with (
        RunFolder(refitted).locked(),
        pytest.raises(InputError, match=r"at work there; wait for it or stop it"),
    ):
        again(run, fresh=True)


def test_the_setting_refits_and_names_no_other_run(tmp_path):
    path = train(tmp_path, "trainer.refit=true")
    assert (tmp_path / f"{path.name}-refit" / "run.json").exists()
    assert train(tmp_path) == path  # the same run: what is done afterwards is no part of it
    plain, asked = (compose([*SMALL, f"trainer.refit={value}"]) for value in ("false", "true"))
    assert identity(plain, "0" * 64) == identity(asked, "0" * 64)


@pytest.mark.parametrize(
    "overrides",
    [
        ["head=dot", "trainer.max_epochs=2"],
        ["head=posthoc", "trainer.max_epochs=2"],
        ["evaluation.protocol=paper"],
        ["regularisers.labels.weight=1", "regularisers.labels.column=group", "data.group_signal=1"],
        ["encoder=linear"],
    ],
    ids=["dot", "posthoc", "paper", "labels", "attributes"],
)
def test_every_kind_of_run_is_refitted(tmp_path, overrides):
    path = again(train(tmp_path, *overrides))
    assert schema.check(path) == []
    run = Run.load(path)
    assert len(run.recommend(run.stored.users.ids[0], 3)) == 3
    if run.stored.has_segments and "posthoc" not in path.name:
        assert np.isfinite(run.metric("segment/effective_k"))


def test_a_run_on_a_log_is_refused(tmp_path):
    path = train(
        tmp_path, "data.log_events=2000", "objective=policy", "objective.reward=clicked",
        "trainer.max_epochs=4",
    )  # fmt: skip
    with pytest.raises(InputError, match="learned from a log of what was shown"):
        again(path)


def test_an_unfinished_run_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / run.name)
    record = json.loads((run / "run.json").read_text("utf-8"))
    (tmp_path / run.name / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    with pytest.raises(InputError, match="is interrupted, not finished"):
        again(tmp_path / run.name)
    assert gnnseg.load(run).path == run
