import json

import numpy as np
import polars as pl
import pytest

from gnnseg.runs import schema


@pytest.mark.parametrize("kind", ["distribution", "affinity", "hybrid", "dot"])
def test_a_run_folder_is_as_written(make_run, kind):
    path, _ = make_run(kind)
    (path / "report.html").touch()
    assert schema.check(path) == []


def change(path, name, turn):
    frame = pl.read_parquet(path / name)
    turn(frame).write_parquet(path / name)


CHANGED = [
    (lambda p: (p / "cards.parquet").unlink(), "cards.parquet: is missing"),
    (
        lambda p: change(p, "cards.parquet", lambda f: f.drop("lift")),
        "cards.parquet: column lift is missing",
    ),
    (
        lambda p: change(p, "cards.parquet", lambda f: f.with_columns(more=1)),
        "column more is not known",
    ),
    (
        lambda p: change(
            p, "segments.parquet", lambda f: f.with_columns(pl.col("segment").cast(pl.Int32))
        ),
        "is Int32",
    ),
    (
        lambda p: change(p, "segments.parquet", lambda f: f.rename({"alpha_2": "alpha_7"})),
        "column alpha_2 is missing",
    ),
    (
        lambda p: change(p, "ids.parquet", lambda f: f.select("index", "kind", "id", "name")),
        "another order: index, kind",
    ),
    (
        lambda p: change(p, "per_user.parquet", lambda f: f.with_columns(x=pl.lit("a"))),
        "column x is String, not Float64",
    ),
    (lambda p: np.savez(p / "seen.npz", user=np.zeros(3)), "seen.npz: column item is missing"),
    (
        lambda p: (p / "metrics.jsonl").write_text('{"epoch": 1, "step": 1, "loss": "x"}'),
        "line 1: loss is no number",
    ),
    (lambda p: (p / "metrics.jsonl").write_text('{"epoch": 1}'), "line 1: step is missing"),
]


@pytest.mark.parametrize(("spoil", "sentence"), CHANGED)
def test_what_differs_is_told(make_run, spoil, sentence):
    path, _ = make_run()
    (path / "report.html").touch()
    spoil(path)
    problems = schema.check(path)
    assert any(sentence in problem for problem in problems), problems


def test_run_json_and_tensors(make_run):
    import torch
    from safetensors.torch import load_file, save_file

    path, _ = make_run()
    (path / "report.html").touch()
    record = json.loads((path / "run.json").read_text("utf-8"))
    del record["source"]
    (path / "run.json").write_text(json.dumps(record | {"alarms": "none"}), "utf-8")
    tensors = load_file(path / "scores.safetensors")
    tensors["beta"] = tensors["beta"][:, :-1].contiguous()
    tensors["odd"] = torch.zeros(1)
    save_file(tensors, path / "scores.safetensors")
    assert schema.check(path) == [
        "scores.safetensors: tensor odd is not known",
        "scores.safetensors: tensor beta has I = 24, elsewhere it is 25",
        "run.json: source is missing",
        "run.json: alarms is str, not list",
    ]


def test_every_file_is_described():
    assert schema.FILES.keys() == schema.ABOUT.keys()
    for name, columns in schema.FILES.items():
        assert f"| `{name}` |" in schema.markdown()
        assert all(f"`{column}`" in schema.markdown() for column in columns)
