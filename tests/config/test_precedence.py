"""What is typed wins, also a choice of one's own; a choice that is not there is never ignored."""

from pathlib import Path
from typing import Any

import pytest

from gnnseg import config
from gnnseg.types import InputError

FILES = {
    "trainer/fast": "defaults: [default, _self_]\nmax_epochs: 3\nbatch_size: 512\n",
    "trainer/faster": "defaults: [fast, _self_]\neval_every: 1\n",
    "optimizer/sgd": "_target_: torch.optim.SGD\nlr: 0.5\nmomentum: 0.9\n",
    "optimizer/plain": "_target_: torch.optim.SGD\n",
    "head/mine": "# @package _global_\ndefaults: [segments]\nhead: {segments: 5}\n"
    "trainer: {max_epochs: 77}\n",
    "experiment/quick": "# @package _global_\ndefaults:\n  - override /trainer: fast\n"
    "trainer: {patience: 7}\n",
    "experiment/slow": "# @package _global_\ntrainer: {max_epochs: 99, batch_size: 32}\n",
    "experiment/wide": "# @package _global_\nhead: {segments: 16}\ntrainer: {max_epochs: 9}\n",
    "experiment/ranked": "# @package _global_\ndefaults:\n  - override /objective: bpr\n"
    "head: {beta: affinity}\n",
    "experiment/astray": "# @package _global_\ndefaults:\n  - override /encoder: nope\n",
    "experiment/perhaps": "# @package _global_\ndefaults:\n  - optional /more: nope\n",
    "more/there": "a: 1\n",
    "trainer/schedule/ramp": "_target_: mylab.Ramp\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("my")
    for name, text in FILES.items():
        path = root / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["trainer=fast"], {"max_epochs": 3, "batch_size": 512, "eval_every": 10}),
        (["trainer=faster"], {"max_epochs": 3, "eval_every": 1, "schedule": "onecycle"}),
        (["trainer=fast", "objective=bpr"], {"max_epochs": 3, "patience": 5}),
        (["trainer=fast", "trainer.max_epochs=4"], {"max_epochs": 4, "batch_size": 512}),
        (["experiment=quick"], {"max_epochs": 3, "batch_size": 512, "patience": 7}),
        (["experiment=slow", "trainer=fast"], {"max_epochs": 3, "batch_size": 512}),
        (["experiment=[slow,quick]"], {"max_epochs": 99, "batch_size": 32, "patience": 7}),
        (
            ["experiment=shop_dnn", "trainer/schedule=ramp"],
            {"schedule": {"_target_": "mylab.Ramp"}},
        ),
        (["trainer=default"], {"max_epochs": 200, "batch_size": None}),
        (["head=mine", "experiment=wide"], {"max_epochs": 9}),
    ],
)
def test_a_trainer_of_ones_own_wins(
    overrides: list[str], expected: dict[str, Any], folder: Path
) -> None:
    trainer = config.compose(overrides, [folder])["trainer"]
    assert {key: trainer[key] for key in expected} == expected


def test_an_optimizer_of_ones_own_wins_and_what_it_leaves_open_is_the_objectives(
    folder: Path,
) -> None:
    mine = config.compose(["optimizer=sgd"], [folder])["optimizer"]
    assert mine == {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9}
    assert config.compose(["optimizer=plain"], [folder])["optimizer"]["lr"] == 0.05
    assert config.compose(["optimizer=adam"], [folder])["optimizer"]["lr"] == 0.05


def test_a_head_that_is_typed_wins_over_an_experiment(folder: Path) -> None:
    composed = config.compose(["experiment=wide", "head=mine"], [folder])
    assert composed["head"]["segments"] == 5
    assert composed["objective"]["_target_"].endswith("Likelihood")


def test_an_objective_that_an_experiment_chooses_is_not_replaced(folder: Path) -> None:
    composed = config.compose(["experiment=ranked"], [folder])
    assert composed["objective"]["_target_"].endswith("BPR")
    assert composed["trainer"]["batch_size"] == 2048


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["experiment=shpo"], r"^experiment=shpo: no such choice; did you mean shop\?"),
        (["experiment=[film,shpo]"], r"^experiment=shpo: no such choice; did you mean shop\?"),
        (["experiment=astray"], r"^encoder=nope \(chosen by experiment=astray\): no such choice"),
        (["experiment=perhaps"], r"^more=nope: no such choice; there are there"),
        (["encoder="], r"^encoder=: the name of a choice is missing; there are .*lightgcn"),
        (["trainer/sampler=no"], r"^trainer/sampler=no: no such choice; .*trainer/sampler/no.yaml"),
        (["trainer/schedule=rmap"], r"^trainer/schedule=rmap: no such choice; did you mean ramp"),
        (["+encoder=nope"], r"encoder"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(
    overrides: list[str], said: str, folder: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        config.compose(overrides, [folder])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "monitor"),
    [
        ([], "valid/ndcg@20"),
        (["evaluation.ks=[5,10]"], "valid/ndcg@10"),
        (["evaluation.ks=[5,10]", "trainer.monitor=valid/recall@5"], "valid/recall@5"),
        (["evaluation.ks=[20,50]"], "valid/ndcg@20"),
        (["evaluation.ks=[5]", "trainer.monitor=valid/ndcg@20"], "valid/ndcg@20"),
    ],
)
def test_without_lists_of_20_the_longest_are_monitored(overrides: list[str], monitor: str) -> None:
    assert config.compose(overrides)["trainer"]["monitor"] == monitor


def test_what_torch_takes_and_conf_does_not_set_is_added_with_a_plus() -> None:
    with pytest.raises(InputError) as caught:
        config.compose(["optimizer.betas=[.9,.98]"])
    assert str(caught.value).endswith("add it with a plus, '+optimizer.betas=[.9,.98]'.")
    config.check(config.compose(["+optimizer.betas=[.9,.98]"]))
    with pytest.raises(InputError, match=r"did you mean optimizer\.betas\?"):
        config.compose(["optimizer.beta=1"])


def test_a_number_that_came_as_text_is_told_how_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ID", "3")
    with pytest.raises(InputError, match=r"seed='3': must be a whole number; it is text") as caught:
        config.check(config.compose(["seed=${oc.env:ID}"]))
    advice = str(caught.value).rpartition("'seed=")[2].removesuffix("'.").replace("NAME", "ID")
    assert config.compose([f"seed={advice}"])["seed"] == 3
    with pytest.raises(InputError, match=r"seed='x': must be a whole number\.$"):
        config.check(config.compose(["seed=x"]))


def test_jobs_are_listed_as_they_would_run() -> None:
    assert config.jobs(["seed=0,1", "head.segments=choice(2)"], []) == [
        ["seed=0", "head.segments=2"],
        ["seed=1", "head.segments=2"],
    ]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trainer.max_epochs=0"], r"trainer\.max_epochs=0: must be at least 1"),
        (["trainer.patience=0"], r"trainer\.patience=0: must be at least 1"),
        (["features.buckets=0"], r"features\.buckets and features\.classes must be 1 or more"),
        (["split.ratios=[0.8,0.2]"], r"to train on everything .* trainer\.refit=true"),
        (["split.ratios=[0.8,0.2,0.0]"], r"to train on everything .*gnnseg refit RUN"),
        (["split.ratios=[0.8,0.3,0.1]"], r"give three shares above 0 that sum to 1"),
        (["split=time", "split.quantiles=[0.9,1]"], r"to train on everything"),
        (["split=time", "split.quantiles=[0.9,0.8]"], r"the smaller first"),
        (["evaluation.ks=[20,10,20]"], r"evaluation\.ks=\[20, 10, 20\]: 20 stands twice"),
        (["objective=bce", "head=dot", "objective.negatives=0"], r"bce needs at least 1"),
    ],
)
def test_values_that_no_part_takes_are_refused_without_data(
    overrides: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        config.check(config.compose(overrides))
