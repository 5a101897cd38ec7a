import builtins
import json
import math
import os
import struct
from pathlib import Path

import polars as pl
import pytest

from gnnseg import tracking
from gnnseg.tracking import Jsonl, TrackingSettings, open_tracker
from gnnseg.types import InputError


def settings(**changed):
    return TrackingSettings(
        **(
            {
                "kind": "wandb",
                "mode": "offline",
                "project": "p",
                "entity": None,
                "group": None,
                "tags": ["a"],
            }
            | changed
        )
    )


def opened(tmp_path, said=None, **changed):
    said = [] if said is None else said
    return open_tracker(
        settings(**changed),
        tmp_path,
        config={"head": {"segments": 4}},
        name="the-run",
        group="the-sweep",
        say=said.append,
    )


def lines(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]


def test_lines_are_flushed_and_cut_back(tmp_path):
    tracker = opened(tmp_path, kind="jsonl")
    tracker.log({"epoch": 1, "train/loss": 0.5}, 7)
    assert lines(tmp_path) == [
        {"epoch": 1, "step": 7, "train/loss": 0.5}
    ]  # before finish: on the disk already
    assert list(lines(tmp_path)[0]) == ["epoch", "step", "train/loss"]
    here = tracker.position()
    assert here == (tmp_path / "metrics.jsonl").stat().st_size
    tracker.log({"train/loss": math.nan}, 8)
    tracker.finish(True)
    assert lines(tmp_path)[1] == {"step": 8, "train/loss": None}
    again = opened(tmp_path, kind="jsonl")  # the first was killed
    again.truncate(here)
    again.log({"train/loss": 0.25}, 8)
    assert [line["train/loss"] for line in lines(tmp_path)] == [0.5, 0.25]
    again.truncate(10**6)
    assert len(lines(tmp_path)) == 2
    again.finish(False)
    again.finish(False)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be written"):
        Jsonl(tmp_path / "nowhere" / "metrics.jsonl")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence():
    tracker = Jsonl(Path("/dev/full"))
    with pytest.raises(InputError, match="cannot be written"):
        tracker.log({"train/loss": 1.0}, 1)
    tracker.finish(True)


def records(path):
    """wandb's file: a 7 byte header, then LevelDB's log format (32 KiB blocks, records in parts) of
    protobufs."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


@pytest.mark.slow
def test_an_offline_run_is_read_back(tmp_path, monkeypatch):
    """One run holds its metrics under their prefixes, its configuration, its group and tags, and
    its tables."""
    wandb = pytest.importorskip("wandb")
    for variable in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    said = []
    tracker = opened(tmp_path, said)
    tracker.log({"epoch": 1, "train/loss": 0.5, "lr": 0.1, "valid/ndcg@20": 0.125}, 3)
    tracker.table(
        "cards",
        pl.DataFrame({"segment": [1, 2], "name": ["Alien", "Bäume <b>"], "lift": [2.5, None]}),
    )
    tracker.table("recommendations", pl.DataFrame({"id": ["u1"], "item": ["i9"]}))
    tracker.summary({"test/recall@20": 0.375, "segment/effective_k": 3.5})
    tracker.finish(False)
    wandb.teardown()  # waits for wandb's own process, which closes the file after finish()
    assert said == []
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    found = list(records(file))
    (run,) = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert (run.display_name, run.run_group, list(run.tags), run.project) == (
        "the-run",
        "the-sweep",
        ["a"],
        "p",
    )
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["head"] == {"segments": 4}
    history, summary = {}, {}
    for r in found:
        for item in r.history.item:
            history.setdefault(item.key or "/".join(item.nested_key), json.loads(item.value_json))
        for item in r.summary.update:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    logged = ("step", "epoch", "train/loss", "train/lr", "valid/ndcg@20")
    assert {k: history[k] for k in logged} == {
        "step": 3, "epoch": 1, "train/loss": 0.5, "train/lr": 0.1, "valid/ndcg@20": 0.125,
    }  # fmt: skip
    assert summary["test/recall@20"] == 0.375
    assert summary["segment/effective_k"] == 3.5
    table = json.loads((file.parent / "files" / history["segment/cards/path"]).read_text("utf-8"))
    assert table["columns"] == ["segment", "name", "lift"]
    assert table["data"] == [[1, "Alien", 2.5], [2, "Bäume <b>", None]]
    assert history["test/recommendations/nrows"] == 1
    assert lines(tmp_path)[0]["train/loss"] == 0.5  # JSON lines are written beside it


def test_disabled_does_not_import_wandb(tmp_path, monkeypatch):
    forbid_wandb(monkeypatch)
    said = []
    tracker = opened(tmp_path, said, mode="disabled")
    tracker.log({"train/loss": 1.0}, 1)
    tracker.finish(False)
    assert said == []
    assert len(lines(tmp_path)) == 1


def forbid_wandb(monkeypatch):
    real = builtins.__import__

    def guarded(name, *args, **kwargs):
        if name.split(".")[0] == "wandb":
            raise ModuleNotFoundError("No module named 'wandb'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", guarded)


def test_without_wandb_a_sentence_and_the_lines(tmp_path, monkeypatch):
    forbid_wandb(monkeypatch)
    said = []
    tracker = opened(tmp_path, said)
    tracker.log({"train/loss": 1.0}, 1)
    tracker.table("cards", pl.DataFrame({"a": [1]}))
    tracker.summary({"test/ndcg@20": 0.5})
    tracker.finish(True)
    assert len(said) == 1
    assert "No module named 'wandb'; going on with metrics.jsonl alone" in said[0]
    assert len(lines(tmp_path)) == 1


def test_a_wandb_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "wandb").write_text("in the way")
    said = []
    tracker = opened(tmp_path, said)
    tracker.log({"train/loss": 1.0}, 1)
    tracker.finish(False)
    assert len(said) == 1
    assert said[0].startswith("wandb: ")
    assert len(lines(tmp_path)) == 1


def test_a_failure_in_the_middle_is_said_once(tmp_path):
    class Broken:
        def log(self, values):
            raise RuntimeError("the disk is full\nand more")

    said = []
    beside = tracking.Wandb.__new__(tracking.Wandb)
    beside._say, beside._run, beside._begun = said.append, Broken(), True
    tracker = tracking.Both(Jsonl(tmp_path / "metrics.jsonl"), beside)
    tracker.log({"train/loss": 1.0}, 1)
    tracker.log({"train/loss": 2.0}, 2)
    tracker.finish(False)
    assert said == [
        "wandb: the disk is full; going on with metrics.jsonl alone (tracking=jsonl says so from "
        "the start)"
    ]
    assert len(lines(tmp_path)) == 2
