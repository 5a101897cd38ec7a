"""Parts from a package outside the checkout: each is used, or refused, never replaced by ours.

One of each: metric, baseline, callback, sampler, schedule; found by --config-dir and allow, run by
the same route as everything else.
"""

import json
import sys
from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

PARTS = '''
import torch

from gnnseg.evaluation.metrics import Metric, UserMetric
from gnnseg.models.baselines import Baseline, Popularity
from gnnseg.training.callbacks import Callback
from gnnseg.training.samplers import Sampler
from gnnseg.training.schedules import Schedule


class First(UserMetric):
    """scale where the first item is relevant."""

    name = "first"

    def __init__(self, *, scale: float) -> None:
        if scale <= 0:
            raise ValueError("scale must be above 0")
        self.scale = scale

    def values(self, lists):
        return lists.hits_Bk[:, 0] * self.scale

    def oracle(self, user):
        return self.scale * bool(user.listed and user.listed[0] in user.relevant)


class NoOracle(UserMetric):
    name = "no_oracle"

    def values(self, lists):
        return lists.found_B


class Neither(Metric):
    name = "neither"


class Flat(First):
    def values(self, lists):
        return lists.hits_Bk


class Unpopular(Baseline):
    """Scores are negative counts."""

    def __init__(self, *, noise: float) -> None:
        self.noise = noise

    def fit(self, train, users, items, rng):
        self.popularity = Popularity()
        self.popularity.fit(train, users, items, rng)
        drawn = torch.rand(items, generator=rng.torch("noise"))
        self.popularity.counts_I = -self.popularity.counts_I + self.noise * drawn

    def scorer(self, graph, features):
        return self.popularity.scorer(graph, features)


class Shrink(Callback):
    """Every parameter is made smaller after each step, by a part that was drawn."""

    def __init__(self, *, by: float) -> None:
        self.by, self.steps, self.seen = by, 0, []

    def after_step(self, moment, losses):
        self.steps += 1
        assert self.steps == moment.step
        with torch.no_grad():
            for parameter in moment.model.parameters():
                parameter.mul_(1 - self.by * torch.rand(()).item())

    def after_evaluation(self, moment, metrics):
        self.seen.append(metrics["valid/ndcg@20"])


class Keeper(Callback):
    """Keeps what no checkpoint can hold."""

    def begin(self, moment):
        self.model = moment.model


class Zeros(Sampler):
    """Item 0 is everybody's negative."""

    own = True

    def draw(self, users, items, pattern, rng, *, count, epoch):
        return torch.zeros(len(users), count, dtype=torch.int64)


class Silent(Sampler):
    def draw(self, users, items, pattern, rng, *, count, epoch):
        return items


class Outside(Zeros):
    def draw(self, users, items, pattern, rng, *, count, epoch):
        return torch.full((len(users), count), pattern.shape[1])


class Ramp(Schedule):
    def __init__(self, *, power: int) -> None:
        self.power = power

    def rate(self, step, steps):
        return (1 - step / steps) ** self.power


class Stranger:
    def __init__(self, *, power: int) -> None:
        self.power = power
'''
GROUPS = {
    "metrics/first": "first:\n  _target_: outlab.parts.First\n  scale: 2.0\n",
    "metrics/twice": "twice:\n  _target_: outlab.parts.First\n  scale: 4.0\n",
    "baselines/unpopular": "unpopular:\n  _target_: outlab.parts.Unpopular\n  noise: 0.5\n",
    "trainer/callbacks/shrink": "shrink:\n  _target_: outlab.parts.Shrink\n  by: 0.2\n",
    "trainer/sampler/zeros": "_target_: outlab.parts.Zeros\n",
    "trainer/schedule/ramp": "_target_: outlab.parts.Ramp\npower: 2\n",
}
SMALL = [
    "data=planted", "data.users=60", "data.items=30", "data.interactions=400", "data.segments=3",
    "encoder=mf", "encoder.dim=8", "head=dot", "objective=bpr", "trainer.max_epochs=3",
    "trainer.eval_every=1", "trainer.batch_size=128", "threads=1", "allow=[outlab]",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The user's own conf/, whose package is found."""
    root = tmp_path_factory.mktemp("outside")
    (root / "outlab").mkdir()
    (root / "outlab" / "__init__.py").write_text("")
    (root / "outlab" / "parts.py").write_text(PARTS)
    for name, text in GROUPS.items():
        path = root / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sys.path.insert(0, str(root))
    yield root / "conf"
    sys.path.remove(str(root))
    for module in ("outlab", "outlab.parts"):
        sys.modules.pop(module, None)


def composed(folder, *overrides):
    found = config.compose([*SMALL, *overrides], [folder])
    config.check(found)
    return found


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Train with some overrides; run.json, the lines of metrics, and the folder."""
    root, found = tmp_path_factory.mktemp("runs"), {}

    def train(*overrides):
        if overrides not in found:
            settings = composed(folder, f"runs.root={root}", *overrides)
            path = pipeline.train(settings, say=lambda line: None, progress=False).path
            lines = (path / "metrics.jsonl").read_text("utf-8").splitlines()
            record = json.loads((path / "run.json").read_text("utf-8"))
            found[overrides] = record, [json.loads(line) for line in lines], path
        return found[overrides]

    return train


def test_a_metric_is_measured_and_chosen_by(run):
    record, lines, _ = run("metrics=first", "trainer.monitor=valid/first@10")
    values = [line["valid/first@10"] for line in lines]
    assert record["best"]["metric"] == "valid/first@10"
    assert record["best"]["value"] == max(values) > 0
    assert set(record["metrics"]) >= {"valid/first@10", "test/first@20", "test/ndcg@20"}
    assert "test/first@20" in record["baselines"]["popularity"]
    plain = run()[0]
    assert {k: v for k, v in record["metrics"].items() if "first" not in k}.keys() == plain[
        "metrics"
    ].keys()


def test_the_smallest_value_is_the_best_of_a_metric_that_says_so(run):
    record, lines, _ = run("trainer.monitor=valid/gini@10")
    values = [line["valid/gini@10"] for line in lines]
    assert len(set(values)) > 1
    assert record["best"]["value"] == min(values)
    assert record["best"]["epoch"] == lines[values.index(min(values))]["epoch"]


def test_two_metrics_of_one_class_under_their_own_names(run):
    record, _, _ = run("metrics=[first,twice]")
    assert record["metrics"]["test/twice@20"] == 2 * record["metrics"]["test/first@20"]


def test_a_list_of_metrics_is_all_that_is_measured(run):
    chosen = ["evaluation.metrics=[recall,first]", "trainer.monitor=valid/recall@20"]
    record, lines, path = run("metrics=first", *chosen)
    names = {name.split("/")[1].split("@")[0] for name in record["metrics"] if "@" in name}
    assert names == {"recall", "first"}
    assert {n.split("@")[0] for n in lines[0] if n.startswith("valid/")} == {
        "valid/recall", "valid/first",
    }  # fmt: skip
    assert (path / "index.html").exists() or list(path.glob("*.html"))


def test_a_baseline_is_fitted_beside_the_run(run):
    record, _, _ = run("baselines=unpopular")
    unpopular, popularity = (record["baselines"][n] for n in ("unpopular", "popularity"))
    assert unpopular.keys() == popularity.keys()
    assert unpopular["test/novelty@10"] > popularity["test/novelty@10"]
    assert record["metrics"] == run()[0]["metrics"]


def test_a_callback_takes_a_hand(run):
    record, lines, _ = run("trainer/callbacks=shrink")
    assert lines[-1]["train/loss"] != run()[1][-1]["train/loss"]
    assert record["config"]["trainer"]["callbacks"]["shrink"]["by"] == 0.2


def test_negatives_are_drawn_by_the_sampler(run):
    _, lines, _ = run("trainer/sampler=zeros")
    plain = run()[1]
    assert [x["train/bpr"] for x in lines] != [x["train/bpr"] for x in plain]


def test_the_rate_follows_the_schedule(run):
    _, lines, _ = run("trainer/schedule=ramp", "optimizer.lr=0.01")
    steps = [line["step"] for line in lines]
    last = steps[-1]
    expected = [0.01 * (1 - (step - 1) / last) ** 2 for step in steps]
    assert [line["lr"] for line in lines] == pytest.approx(expected)


def test_what_is_added_is_part_of_a_runs_name_and_nothing_else_is(run):
    from gnnseg.runs.folder import RunFolder

    names = [run(*o)[2].name for o in ((), ("metrics=first",), ("baselines=unpopular",))]
    assert len(set(names)) == 3
    record = run()[0]
    assert not {"metrics", "baselines"} & record["config"].keys()
    assert not {"sampler", "callbacks"} & record["config"]["trainer"].keys()
    today = RunFolder(run()[2]).read_json()["config"]
    assert today["metrics"] is None
    assert today["trainer"]["callbacks"] is None


WRONG = {
    "metrics={mine: {_target_: outlab.parts.Stranger, power: 2}}": "metrics.mine",
    "baselines={mine: {_target_: outlab.parts.Stranger, power: 2}}": "baselines.mine",
    "trainer.callbacks={mine: {_target_: outlab.parts.Stranger, power: 2}}": "trainer.callbacks.m",
    "trainer.sampler={_target_: outlab.parts.Stranger, power: 2}": "trainer.sampler",
    "trainer.schedule={_target_: outlab.parts.Stranger, power: 2}": "trainer.schedule",
    "metrics={mine: {_target_: outlab.parts.NoOracle}}": "lacks oracle",
    "metrics={mine: {_target_: outlab.parts.First}}": "metrics.mine.scale: is missing",
    "metrics={mine: {_target_: outlab.parts.First, scale: many}}": "metrics.mine.scale='many'",
    "metrics={mine: {_target_: outlab.parts.First, scale: -1.0}}": "First says: scale must be",
    "metrics={mine: {_target_: outlab.parts.First, scale: 1.0, sclae: 2}}": "did you mean",
    "metrics={mine: {_target_: otherlab.parts.First}}": "allow=.otherlab",
    "metrics={ndcg: {_target_: outlab.parts.First, scale: 1.0}}": "a metric of that name",
    "baselines={popularity: {_target_: outlab.parts.Unpopular, noise: 0.0}}": "a baseline of that",
    "metrics={Mine: {_target_: outlab.parts.First, scale: 1.0}}": "lower-case letters",
    "metrics={mine: {scale: 1.0}}": "metrics.mine: has no _target_",
    "metrics={mine: {_target_: outlab.parts.Neither}}": "derive it from UserMetric or",
    "trainer.sampler={_target_: outlab.parts.Silent}": "set own = True, or False",
    "metrics=nobody": "metrics=nobody: no such choice",
    "metrics={mine: 3}": "give names with what they stand for",
    "evaluation.metrics=[recal]": "there is no metric recal",
    "trainer.monitor=valid/frist@10": "does not measure frist",
    "trainer.monitor=valid/ild@10": "does not measure ild",
    "experiment=nobody": "experiment=nobody: no such choice",
}


@pytest.mark.parametrize("override", WRONG)
@pytest.mark.slow
def test_what_cannot_be_meant_is_refused_before_data_are_read(folder, override):
    with pytest.raises(InputError, match=WRONG[override]) as error:
        composed(folder, override)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("objective", "says"),
    [("likelihood", "draws no negatives"), ("sampled_softmax", "wants them shared by the batch")],
)
def test_a_sampler_that_the_objective_cannot_use_is_refused(folder, objective, says):
    head = "segments" if objective == "likelihood" else "dot"
    with pytest.raises(InputError, match=says):
        composed(folder, "trainer/sampler=zeros", f"objective={objective}", f"head={head}")


def test_items_that_there_are_not_are_refused(run):
    with pytest.raises(InputError, match="drew items from 30 to 30; there are 30"):
        run("trainer.sampler={_target_: outlab.parts.Outside}")


def test_values_that_are_not_one_a_list_are_refused(run):
    with pytest.raises(InputError, match=r"metrics\.flat: its values are \(\d+, 10\)"):
        run("metrics={flat: {_target_: outlab.parts.Flat, scale: 1.0}}")


def test_a_callback_that_could_not_go_on_is_refused(run):
    with pytest.raises(InputError, match="its attribute model is of type Model"):
        run("trainer.callbacks={mine: {_target_: outlab.parts.Keeper}}")


def test_a_metric_that_asks_for_spend_says_so(run):
    with pytest.raises(InputError, match=r"evaluation\.metrics: revenue needs spend"):
        run("evaluation.metrics=[ndcg,revenue]")


def test_the_command_line_takes_it_all(folder, tmp_path: Path) -> None:
    everything = [
        "metrics=first", "baselines=unpopular", "trainer/callbacks=shrink", "trainer/sampler=zeros",
        "trainer/schedule=ramp",
    ]  # fmt: skip
    found = composed(folder, *everything)
    assert found["trainer"]["schedule"]["_target_"] == "outlab.parts.Ramp"
    assert set(found["trainer"]["callbacks"]) == {"shrink"}


def test_a_finished_run_is_evaluated_by_the_same_metrics(run):
    from gnnseg.runs.run import Run

    record, _, path = run("metrics=first")
    found = Run.load(path).evaluate("test")
    got = dict(zip(found["metric"], found["value"], strict=True))
    assert got["test/first@10"] == pytest.approx(record["metrics"]["test/first@10"])
