import builtins
import contextlib
import io
import json
import math
import os
import struct
import sys
from pathlib import Path

import polars as pl
import pytest

from gnnseg import config, tracking
from gnnseg.cli import main
from gnnseg.runs import sending
from gnnseg.runs.folder import RunFolder
from gnnseg.tracking import Jsonl, TrackingSettings, describing, open_tracker
from gnnseg.types import InputError

RECORD = {
    "name": "toy-lightgcn-segments-abc", "hash": "ab" * 32, "numerics": 1, "protocol": "clean",
    "sweep": "the-sweep", "git": "0123abc", "versions": {"torch": "2.6"},
    "device": {"name": "cpu", "threads": 2},
    "data": {"name": "toy", "users": 3, "fingerprint": "cd" * 32},
    "config": {
        "seed": 3, "split": {"_target_": "gnnseg.data.split.Random", "seed": 0},
        "encoder": {"_target_": "gnnseg.models.encoders.lightgcn.LightGCN", "layers": 2},
        "head": {"_target_": "gnnseg.models.heads.segments.Segments", "segments": 4},
        "regularisers": {"l2": {"weight": 0.0}, "balance": {"weight": 0.5}},
    },
}  # fmt: skip


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
    return open_tracker(settings(**changed), tmp_path, record=RECORD, say=said.append)


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
    assert (run.display_name, run.job_type, list(run.tags), run.project) == (
        "toy lightgcn+segments K=4 s3",
        "train",
        ["a"],
        "p",
    )
    assert run.run_group == describing.of(RECORD).group
    kept = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert {key: kept[key] for key in ("encoder", "encoder.layers", "head.segments", "seed")} == {
        "encoder": "lightgcn", "encoder.layers": 2, "head.segments": 4, "seed": 3,
    }  # fmt: skip
    assert (kept["run.git"], kept["run.sweep"], kept["run.version.torch"]) == (
        "0123abc",
        "the-sweep",
        "2.6",
    )
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

        def finish(self, exit_code):
            ended.append(exit_code)

    said, ended = [], []
    beside = tracking.Wandb.__new__(tracking.Wandb)
    tracking.Dashboard.__init__(beside, "wandb", None, said.append)
    beside.run, beside._begun = Broken(), True
    tracker = tracking.Both(Jsonl(tmp_path / "metrics.jsonl"), beside)
    tracker.log({"train/loss": 1.0}, 1)
    tracker.log({"train/loss": 2.0}, 2)
    tracker.finish(False)
    assert said == [
        "wandb: the disk is full; going on with metrics.jsonl alone (tracking=jsonl says so from "
        "the start)"
    ]
    assert ended == [1]  # or the next run of this process would be given to it
    assert len(lines(tmp_path)) == 2


VARIABLES = {
    "WANDB_MODE": "online", "WANDB_PROJECT": "theirs", "WANDB_ENTITY": "team", "WANDB_NAME": "n",
    "WANDB_RUN_GROUP": "g", "WANDB_TAGS": "x, y", "WANDB_DIR": "/there", "WANDB_RUN_ID": "t1",
}  # fmt: skip
NOTHING = {"mode": None, "project": None, "entity": None, "group": None, "tags": None}


def test_the_environment_is_heard_where_nothing_is_set():
    found = tracking.resolved(settings(**NOTHING), VARIABLES)
    assert (found.mode, found.project, found.entity, found.name) == (
        "online",
        "theirs",
        "team",
        "n",
    )
    assert (found.group, found.tags, found.folder, found.id) == ("g", ["x", "y"], "/there", "t1")


def test_what_is_set_wins_over_the_environment():
    given = {
        "mode": "offline",
        "project": "p",
        "entity": "e",
        "group": "s",
        "tags": [],
        "name": "m",
    }
    found = tracking.resolved(settings(**given), VARIABLES)
    assert {key: getattr(found, key) for key in given} == given


def test_defaults_where_nobody_says():
    found = tracking.resolved(settings(**NOTHING), {}, sweep="the-sweep")
    assert (found.mode, found.project, found.group) == ("offline", "gnnseg", None)
    assert (found.tags, found.name, found.folder, found.id) == ([], None, None, None)


def test_the_settings_of_conf_ask_for_nothing():
    node = config.compose(["tracking=wandb"])["tracking"]
    assert tracking.resolved(config.build(node), {"WANDB_PROJECT": "q"}).project == "q"


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({"WANDB_DISABLED": "true"}, "disabled"),
        ({"WANDB_MODE": "dryrun"}, "offline"),
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_MODE": ""}, "offline"),
    ],
)
def test_ways_to_name_a_mode(given, mode):
    assert tracking.resolved(settings(**NOTHING), given).mode == mode


@pytest.mark.parametrize(
    ("changed", "environ", "said"),
    [
        ({"tags": ["a" * 70]}, {}, r"tracking\.tags: the tag a+… has 70 characters"),
        ({"tags": [""]}, {}, r"tracking\.tags: an empty tag"),
        ({"tags": None}, {"WANDB_TAGS": "a,,b"}, r"WANDB_TAGS: an empty tag"),
        ({"project": "a/b"}, {}, r"tracking\.project=a/b: holds /"),
        ({"project": None}, {"WANDB_PROJECT": "a#b"}, r"WANDB_PROJECT=a#b: holds #"),
        ({"name": "n" * 200}, {}, r"tracking\.name: has 200 characters"),
        ({"entity": " "}, {}, r"tracking\.entity: is blank"),
        ({"mode": None}, {"WANDB_MODE": "ofline"}, r"WANDB_MODE=ofline: must be one of offline"),
    ],
)
def test_what_wandb_would_refuse_is_one_sentence(changed, environ, said):
    with pytest.raises(InputError, match=said):
        tracking.resolved(settings(**changed), environ)


def test_nothing_is_refused_of_settings_that_nobody_reads():
    given = settings(kind="jsonl", tags=["a" * 70], mode=None)
    assert not tracking.resolved(given, {"WANDB_MODE": "ofline"}).sends


def test_one_id_is_no_sweep():
    with pytest.raises(InputError, match="WANDB_RUN_ID=t1: is the id of one run"):
        tracking.resolved(settings(), {"WANDB_RUN_ID": "t1"}, sweep="s")


class Recorded:
    """A wandb that keeps what it is given; the first ``refused`` openings fail."""

    def __init__(self, refused=0):
        self.refused, self.opened, self.logged, self.summary = refused, [], [], {}
        self.Settings = dict
        self.files = []

    def init(self, **given):
        self.opened.append(given)
        if len(self.opened) <= self.refused:
            raise RuntimeError("No API key configured.")
        return self

    def log(self, values):
        self.logged.append(values)

    def Table(self, **given):
        return given

    def Html(self, text, inject):
        return text

    def Image(self, figure):
        return figure

    def Artifact(self, name, type):
        return self

    @property
    def id(self):
        return self.opened[-1]["id"]

    def add_file(self, path, policy):
        self.files.append(Path(path).name)

    @contextlib.contextmanager
    def new_file(self, name, mode, encoding):
        self.files.append(name)
        yield io.StringIO()

    def log_artifact(self, artifact): ...

    def define_metric(self, *given, **named): ...

    def finish(self, exit_code): ...


@pytest.fixture
def no_wandb_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)


def test_online_without_a_key_is_written_offline(tmp_path, monkeypatch, no_wandb_variables):
    there = Recorded(refused=1)
    monkeypatch.setitem(sys.modules, "wandb", there)
    said = []
    tracker = opened(tmp_path, said, mode="online")
    tracker.log({"train/loss": 1.0}, 1)
    tracker.finish(False)
    assert [each["mode"] for each in there.opened] == ["online", "offline"]
    assert len(said) == 1
    assert "written offline instead, to be sent by wandb sync" in said[0]
    assert there.logged == [{"step": 1, "train/loss": 1.0}]


def test_a_finished_run_is_sent_once_and_to_each_trial(make_run, monkeypatch, no_wandb_variables):
    path, _ = make_run()
    there, said = Recorded(), []
    monkeypatch.setitem(sys.modules, "wandb", there)
    asked = config.compose(["tracking=wandb"])

    def send():
        sending.send(RunFolder(path), asked, None, said.append)

    send()
    assert said == ["wandb is given the stored record of this run"]
    assert there.summary["test/ndcg@20"] == 0.29
    assert [each["step"] for each in there.logged if "step" in each] == list(range(1, 9))
    send()
    number = there.opened[0]["id"]
    assert said[1].startswith(f"wandb has this run already, as {number}: nothing is sent")
    assert len(there.opened) == 1
    monkeypatch.setenv("WANDB_RUN_ID", "trial")
    send()
    assert there.opened[1]["id"] == "trial"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    send()
    assert len(there.opened) == 2


def test_runs_are_sent_late_by_a_command(make_run, monkeypatch, no_wandb_variables, capsys):
    path, _ = make_run()
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    assert main(["track", str(path), "tracking.project=paper", "tracking.tags=[late]"]) == 0
    said = capsys.readouterr().err
    assert f"{path.name}:\nwandb is given the stored record of this run" in said
    assert there.opened[0]["project"] == "paper"
    assert list(there.opened[0]["tags"]) == ["late"]
    assert there.summary["test/ndcg@20"] == 0.29
    assert main(["track", str(path)]) == 0
    assert "wandb has this run already" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "said"), [
    (["tracking.project=paper"], "name the runs to send"),
    (["RUN", "nowhere"], "is no finished run"),
    (["RUN", "tracking.projekt=x"], "tracking.project"),
    (["RUN", "traking.project=x"], "traking.project=x: no run, and no setting of tracking"),
    (["RUN", "tracking=jsonl"], "tracking=jsonl: sends nothing; choose wandb or tensorboard."),
])  # fmt: skip
def test_a_late_sending_that_cannot_be_is_one_sentence(
    words, said, make_run, monkeypatch, no_wandb_variables, capsys
):
    path, _ = make_run()
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    assert main(["track", *[str(path) if word == "RUN" else word for word in words]]) == 2
    assert said in capsys.readouterr().err
    assert not there.opened


def test_of_many_folders_those_that_are_no_finished_run_are_left_out(
    make_run, monkeypatch, no_wandb_variables, capsys
):
    path, _ = make_run()
    other = path.with_name("notes")
    other.mkdir()
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    assert main(["track", str(path), str(other)]) == 0
    said = capsys.readouterr()
    assert f"{other}: is no finished run; left out" in said.err
    assert said.out.split() == [str(path)]
    assert len(there.opened) == 1


def test_a_description_tells_runs_apart_by_what_differs_and_not_by_the_seed():
    def of(**head):
        changed = json.loads(json.dumps(RECORD))
        changed["config"]["head"] |= head
        return changed

    one = describing.of(RECORD)
    other = json.loads(json.dumps(RECORD))
    other["config"]["seed"], other["config"]["split"]["seed"] = 4, 2
    again = describing.of(other)
    assert (one.name, again.name) == (
        "toy lightgcn+segments K=4 s3", "toy lightgcn+segments K=4 s4 split2",
    )  # fmt: skip
    assert one.group == again.group
    assert describing.of(of(tau=0.3)).group != one.group
    differ = {key for key in one.config if one.config[key] != again.config[key]}
    assert differ == {"seed", "split.seed"}
    assert "regularisers.balance.weight" in one.config
    assert not [key for key in one.config if key.startswith("regularisers.l2")]
    assert not [value for value in one.config.values() if isinstance(value, dict)]
    fitted = of()
    fitted["config"] |= {"baseline": {"_target_": "gnnseg.models.baselines.ease.EASE"}}
    fitted["config"] |= {"encoder": {}, "head": {}}
    assert (describing.of(fitted).name, describing.of(fitted).job_type) == (
        "toy ease s3",
        "baseline",
    )


def test_losses_of_every_so_many_steps(tmp_path, monkeypatch, no_wandb_variables):
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    tracker = opened(tmp_path, every=3)
    for step in range(1, 8):
        tracker.losses({"loss": 1 / step, "l2": 0.0}, step)
    tracker.finish(False)
    assert there.logged == [
        {"step": step, "train/step/loss": 1 / step, "train/step/l2": 0.0} for step in (3, 6)
    ]
    assert lines(tmp_path) == []
    none = opened(tmp_path, every=None)
    none.losses({"loss": 1.0}, 50)
    none.finish(False)
    assert len(there.logged) == 2
    with pytest.raises(InputError, match=r"tracking\.every=0: must be at least 1, or null"):
        settings(every=0)


def test_a_run_that_goes_on_offline_sends_its_earlier_lines_again(
    tmp_path, monkeypatch, no_wandb_variables
):
    """Of offline files of one id wandb keeps the one that is sent last (wandb#3841)."""
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    first = opened(tmp_path)
    first.truncate(0)
    first.log({"epoch": 1, "loss": 0.5}, 10)
    kept = first.position()
    first.log({"epoch": 2, "loss": 0.4}, 20)
    first._lines.finish(True)  # killed before the state of the second was stored
    there.logged.clear()
    again = opened(tmp_path)
    again.truncate(kept)
    again.log({"epoch": 2, "loss": 0.4}, 20)
    again.finish(False)
    assert [(each["step"], each["train/loss"]) for each in there.logged] == [(10, 0.5), (20, 0.4)]
    assert there.opened[0]["id"] == there.opened[1]["id"]
    monkeypatch.setenv("WANDB_MODE", "online")
    there.logged.clear()
    online = opened(tmp_path, mode=None)
    online.truncate(kept)
    online.finish(False)
    assert there.logged == []  # resumed on the server, which has them


def test_two_runs_never_have_one_id(tmp_path, monkeypatch, no_wandb_variables):
    """Runs of one id are merged when they are sent (wandb#4267)."""
    there = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", there)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        open_tracker(settings(), tmp_path / name, record=RECORD, say=print).finish(False)
    assert there.opened[0]["id"] != there.opened[1]["id"]


def test_baselines_plots_and_page_are_given(make_run, monkeypatch, no_wandb_variables):
    path, _ = make_run()
    (path / "report.html").write_text("<p>page</p>", "utf-8")
    there, said = Recorded(), []
    monkeypatch.setitem(sys.modules, "wandb", there)
    sending.send(RunFolder(path), config.compose(["tracking=wandb"]), None, said.append)
    assert said == ["wandb is given the stored record of this run"]
    assert there.summary["baseline/popularity/test/ndcg@20"] == 0.147
    assert (there.summary["run/parameters"], there.summary["run/seconds/train"]) == (1234, 2.0)
    logged = {key: value for each in there.logged for key, value in each.items()}
    assert logged["report"] == "<p>page</p>"
    figures = logged["baseline/figures"]
    assert figures["columns"] == ["model", "test/recall@20", "test/ndcg@20"]
    assert ["popularity", 0.16, 0.147] in figures["data"]
    assert "report.html" in there.files
    assert "tables/baselines.csv" in there.files


def tf_records(path):
    """Yield the events of TensorBoard's file: length, its checksum, content, its checksum."""
    from tensorboardX.proto import event_pb2

    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack("<Q", data[at : at + 8])
        event = event_pb2.Event()
        event.ParseFromString(data[at + 12 : at + 12 + length])
        yield event
        at += 16 + length


def test_tensorboard_gets_curves_figures_tables_and_settings(make_run, capsys, monkeypatch):
    pytest.importorskip("tensorboardX")
    path, _ = make_run()
    assert main(["track", str(path), "tracking=tensorboard"]) == 0
    assert "tensorboard is given the stored record" in capsys.readouterr().err
    (file,) = (path / "tensorboard").glob("events.*")
    values = [(e.step, v) for e in tf_records(file) for v in e.summary.value]
    scalars = {(v.tag, step): v.simple_value for step, v in values}
    assert scalars["train/loss", 2] == pytest.approx(3.5)
    assert scalars["valid/ndcg@20", 8] == pytest.approx(0.275)
    assert scalars["test/ndcg@20", 8] == pytest.approx(0.29)
    assert scalars["baseline/popularity/test/ndcg@20", 8] == pytest.approx(0.147)
    tags = {v.tag for _, v in values}
    assert {"run/text_summary", "table/baselines/text_summary"} <= tags
    assert "_hparams_/session_start_info" in tags
    assert main(["track", str(path), "tracking=tensorboard"]) == 0
    assert "TensorBoard has this run already" in capsys.readouterr().err


def test_without_its_writer_tensorboard_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    said = []
    tracker = opened(tmp_path, said, kind="tensorboard")
    tracker.log({"train/loss": 1.0}, 1)
    tracker.finish(False)
    assert len(said) == 1
    assert said[0].startswith("tensorboard: ")
    assert len(lines(tmp_path)) == 1


@pytest.mark.slow
def test_a_sweep_that_was_saved_offline_is_a_usable_project(tmp_path, monkeypatch):
    """What the three lines of docs/dashboards.md would send, read from wandb's own files."""
    wandb = pytest.importorskip("wandb")
    for variable in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    words = [
        "data=planted", "data.users=80", "data.items=40", "data.interactions=800",
        "data.segments=3", "encoder=mf", "trainer.max_epochs=60", "trainer.eval_every=30",
        "threads=1", "tracking=wandb", "tracking.project=segments", "tracking.every=20",
        f"runs.root={tmp_path}", "sweep.name=offline",
    ]  # fmt: skip
    assert main(["train", "-m", *words, "head.segments=2,3", "seed=0,1"]) == 0
    wandb.teardown()
    files = sorted(tmp_path.glob("planted-*/wandb/offline-run-*/*.wandb"))
    assert len(files) == 4
    runs, groups, swept = {}, {}, set()
    for file in files:
        found = list(records(file))
        (run,) = [r.run for r in found if r.WhichOneof("record_type") == "run"]
        kept = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert (run.project, run.job_type, kept["run.sweep"]) == ("segments", "train", "offline")
        assert not [key for key, value in kept.items() if isinstance(value, dict) and key[0] != "_"]
        runs[run.run_id] = run.display_name
        groups.setdefault(run.run_group, set()).add(kept["seed"])
        swept.add((kept["head.segments"], kept["seed"]))
        names, steps = set(), []
        for r in found:
            items = {i.key or "/".join(i.nested_key): i.value_json for i in r.history.item}
            names |= set(items) | {i.key or "/".join(i.nested_key) for i in r.summary.update}
            steps += [json.loads(items["step"])] if "train/step/loss" in items else []
        assert steps == [20, 40, 60]
        assert {"valid/ndcg@20", "test/ndcg@20", "run/parameters"} <= names
        assert "baseline/popularity/test/ndcg@20" in names
        assert any(name.startswith("report") for name in names)
        made = [r.artifact for r in found if r.WhichOneof("record_type") == "artifact"] + [
            r.request.log_artifact.artifact for r in found if r.HasField("request")
        ]
        assert any(each.type == "report" for each in made), {each.name for each in made}
        assert any(r.WhichOneof("record_type") == "exit" for r in found)  # else it cannot be sent
        assert list((file.parent / "files" / "media" / "html").glob("report*.html"))
    assert len(runs) == 4
    assert sorted(runs.values())[0] == "planted mf+segments K=2 s0"
    assert len(set(runs.values())) == 4
    assert [*groups.values()] == [{0, 1}, {0, 1}]
    assert swept == {(2, 0), (2, 1), (3, 0), (3, 1)}
