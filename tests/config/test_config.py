"""What composes, what is refused, and how it is said."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from gnnseg import config
from gnnseg.config import requirements
from gnnseg.types import InputError


def target(node: Any) -> str:
    return str(node["_target_"]).rsplit(".", 1)[-1]


@pytest.mark.parametrize(
    "data", [p.stem for p in sorted((config.conf_folder() / "data").glob("*.yaml"))]
)
@pytest.mark.slow
def test_every_data_set_composes_and_is_allowed(data: str) -> None:
    config.check(config.compose([f"data={data}"]))


@pytest.mark.parametrize(
    "group", ["encoder", "head", "objective", "split", "tracking", "experiment"]
)
@pytest.mark.slow
def test_every_choice_of_every_group_composes_and_is_allowed(group: str) -> None:
    logits, alone = ["head=dot"], ["head=dot", "head.bias=false"]
    needed = {"bce": logits, "ultragcn": ["encoder=mf", *logits], "ccl": alone, "directau": alone}
    for path in sorted((config.conf_folder() / group).glob("*.yaml")):
        beside = needed.get(path.stem, []) if group == "objective" else []
        config.check(config.compose([f"{group}={path.stem}", *beside]))


@pytest.mark.parametrize(
    ("overrides", "group", "expected"),
    [
        ([], "objective", "Likelihood"),
        (["head=dot"], "objective", "SampledSoftmax"),
        (["head=hybrid"], "objective", "SampledSoftmax"),
        (["head=dot", "objective=bpr"], "objective", "BPR"),
        (["objective=bpr", "head=dot"], "objective", "BPR"),
        (["head.beta=affinity"], "objective", "SampledSoftmax"),
        (["head.beta=membership", "objective=bpr"], "objective", "BPR"),
        (["data=completejourney"], "split", "GlobalTime"),
        (["data=gowalla"], "split", "AsGiven"),
        (["data=completejourney", "split=random"], "split", "RandomOverall"),
    ],
)
def test_a_choice_brings_its_defaults_and_the_command_line_wins(
    overrides: list[str], group: str, expected: str
) -> None:
    assert target(config.compose(overrides)[group]) == expected


@pytest.mark.parametrize(("overrides", "dim"), [
    ([], 64), (["head=dot"], 128), (["head=hybrid", "encoder=mf"], 128),
    (["head=posthoc", "encoder=lightgcnpp"], 128), (["head=neumf", "encoder=mf"], 64),
    (["head=dot", "encoder.dim=32"], 32), (["experiment=lightgcn-paper"], 64),
    (["encoder.dim=128"], 128), (["head=dot", "encoder=sage"], 64),
    (["head=dot", "encoder.dim=null"], 128),
])  # fmt: skip
def test_embeddings_that_rank_by_themselves_are_wider_unless_somebody_said_so(
    overrides: list[str], dim: int
) -> None:
    assert config.compose(overrides)["encoder"]["dim"] == dim


def test_an_objective_brings_its_training() -> None:
    assert config.compose([])["trainer"]["batch_size"] is None
    assert config.compose(["head=dot"])["trainer"]["batch_size"] == 4096
    assert config.compose(["objective=bpr"])["optimizer"]["lr"] == 0.001
    chosen = config.compose(["head=dot", "trainer.max_epochs=7", "optimizer.lr=0.5"])
    assert (chosen["trainer"]["max_epochs"], chosen["optimizer"]["lr"]) == (7, 0.5)
    assert (
        config.compose(["head.beta=affinity", "trainer.max_epochs=7"])["trainer"]["max_epochs"] == 7
    )


def test_a_convolutions_own_settings_are_given_like_any_other() -> None:
    composed = config.compose(
        ["encoder=pyg", "encoder.conv=SAGEConv", "encoder.options={aggr: max, project: true}"]
    )
    config.check(composed)
    assert composed["encoder"]["options"] == {"aggr": "max", "project": True}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["encoder.layer=2"], r"encoder\.layer: no such setting; did you mean encoder\.layers\?"),
        (["+encoder.layer=2"], r"encoder\.layer: no such setting; did you mean encoder\.layers\?"),
        (["encoder.layers=abc"], r"encoder\.layers='abc': must be a whole number"),
        (["encoder.layers=1.5"], r"encoder\.layers=1\.5: must be a whole number"),
        (["encoder.layers=true"], r"encoder\.layers=True: must be a whole number"),
        (["head.tau_alpha=nan"], r"head\.tau_alpha=nan: must be a finite number"),
        (
            ["head.beta=soft"],
            r"head\.beta='soft': must be one of distribution, membership, affinity",
        ),
        (["head.top=99"], r"head\.top=99: must lie between 1 and head\.segments=16"),
        (
            ["encoder=lightgcn", "regularisers.xsimgcl.weight=0.1", "regularisers.xsimgcl.layer=3"],
            r"xsimgcl\.layer=3: the encoder has layers 0 to 2;",
        ),
        (
            ["encoder=dgcf", "regularisers.ncl_structure.weight=0.1"],
            r"regularisers\.ncl_structure\.layer=2: the encoder has layers 0 to 1; .* raise enc",
        ),
        (
            ["encoder=lightgcn", "regularisers.independence.weight=0.1"],
            r"regularisers\.independence: needs an encoder of several intents \(encoder=dgcf\)",
        ),
        (
            ["encoder=dgcf", "encoder.intents=1", "regularisers.independence.weight=0.1"],
            r"regularisers\.independence: needs an encoder of several intents",
        ),
        (
            [
                "encoder=sage",
                "encoder.combine=last",
                "head=dot",
                "regularisers.xsimgcl.weight=0.1",
                "regularisers.xsimgcl.layer=2",
            ],
            r"xsimgcl\.layer=2: with encoder\.combine=last .* compared with itself",
        ),
        (
            [
                "encoder=lightgcn",
                "encoder.layer_weights=[0,0,1]",
                "regularisers.xsimgcl.weight=0.1",
                "regularisers.xsimgcl.layer=2",
            ],
            r"xsimgcl\.layer=2: with encoder\.layer_weights=.* compared with itself",
        ),
        (
            [
                "encoder.gamma=1.0",
                "regularisers.xsimgcl.weight=0.1",
                "regularisers.xsimgcl.layer=0",
            ],
            r"xsimgcl\.layer=0: with encoder\.gamma=1\.0 .* compared with itself",
        ),
        (
            [
                "encoder.gamma=0.0",
                "encoder.layers=1",
                "regularisers.xsimgcl.weight=0.1",
                "regularisers.xsimgcl.layer=1",
            ],
            r"xsimgcl\.layer=1: with encoder\.gamma=0\.0 .* compared with itself",
        ),
        (
            ["encoder=pinsage", "encoder.init=normal", "graph.weights=log"],
            r"graph\.weights=log: encoder=pinsage as it is set takes every edge alike",
        ),
        (
            [
                "encoder=sage",
                "encoder.aggregate=max",
                "encoder.attributes=alone",
                "graph.weights=log",
            ],
            r"encoder=sage as it is set takes every edge alike",
        ),
        (
            ["encoder.layers=0", "encoder.init=normal", "graph.weights=log"],
            r"encoder=lightgcn as it is set takes every edge",
        ),
        (
            ["encoder=pyg", "encoder.init=normal", "graph.weights=log"],
            r"encoder=pyg as it is set takes every edge alike",
        ),
        (
            ["encoder=mf", "encoder.init=normal", "graph.weights=log"],
            r"encoder=mf as it is set takes every edge alike",
        ),
        (
            ["encoder=dnn", "encoder.init=normal", "graph.weights=log"],
            r"encoder=dnn as it is set takes every edge alike",
        ),
        (
            ["encoder=social", "graph.weights=log"],
            r"encoder=social as it is set takes every edge alike",
        ),
        (
            ["graph.relations=[made by]"],
            r"graph\.relations=\['made by'\]: encoder=lightgcn as it is set reads none; choose enc",
        ),
        (
            ["encoder=rgcn", "encoder.relations=none", "graph.relations=[x]"],
            r"rgcn as it is set reads none; set encoder\.relations=typed",
        ),
        (
            ["encoder=rgcn", "encoder.layers=0", "graph.relations=[x]"],
            r"encoder=rgcn as it is set reads none",
        ),
        (["graph.homophily=full"], r"graph\.homophily=full: nothing here reads social ties"),
        (
            ["encoder=rgcn", "encoder.ties=true", "encoder.layers=0", "graph.homophily=full"],
            r"nothing here reads social ties",
        ),
        (["optimizer.lr=fast"], r"optimizer\.lr='fast': must be a finite number"),
        (["data.k_core=-5"], r"data\.k_core=-5: must be 0 .* or more"),
        (
            ["trainer.monitor=test/ndcg@20"],
            r"trainer\.monitor=test/ndcg@20: .* on validation; name it as in valid/ndcg@20",
        ),
        (["trainer.monitor=ndcg"], r"trainer\.monitor=ndcg: .* name it as in valid/ndcg@20"),
        (
            ["trainer.monitor=valid/ndcg@50"],
            r"trainer\.monitor=valid/ndcg@50: lists are evaluated at 10, 20; add to evaluation\.ks",
        ),
        (
            ["trainer.monitor=segment/modularity"],
            r"trainer\.monitor=segment/modularity: of segments a validation measures eff",
        ),
        (["threads=0"], r"threads=0: must be at least 1, or null"),
        (["optimizer.lr=-1"], r"optimizer\.lr=-1: must be above 0"),
        (["optimizer.weight_decay=-1"], r"optimizer: Adam says: Invalid weight_decay value: -1"),
        (
            ["encoder=pyg", "encoder.options=3"],
            r"encoder\.options=3: must be names with values, .* or null",
        ),
        (
            ["head=dot", "head.segments=4"],
            r"head\.segments: no such setting; the head that was chosen has none; leave it out",
        ),
        (["encoder=lightgnc"], r"encoder=lightgnc: no such choice; did you mean lightgcn\?"),
        (
            ["regularisers=xsimgcl"],
            r"no such choice; a term is set by its weight, as in regularisers\.xsimgcl\.weight=",
        ),
        (["regularisers=zzz"], r"as in regularisers\.l2\.weight=0\.1 \(there are l2, "),
        (
            ["hydra/sweeper=optuna"],
            r"hydra/sweeper=optuna.*: .*; installed: basic; .*pip install hydra-optuna-sweeper\)",
        ),
        (["hydra/launcher=ray"], r"pip install hydra-ray-launcher\)"),
        (
            ["head.beta=membership", "objective=likelihood"],
            r"objective=likelihood: needs .* use objective=sampled_softmax",
        ),
        (
            ["head=dot", "objective=likelihood"],
            r"objective=likelihood: needs .* use objective=sampled_softmax",
        ),
        (
            ["head=dot", "regularisers.balance.weight=1"],
            r"regularisers\.balance=balance: needs a head with segments",
        ),
        (
            ["head.warmup=0.5"],
            r"head\.warmup=0\.5: only tastes .* set head\.beta=affinity, or head\.warmup=0",
        ),
        (["head.beta=affinity", "head.warmup=1.5"], r"head\.warmup=1\.5: must be at least 0 and"),
        (["device=tpu"], r"device='tpu': must be one of auto, cpu, cuda, cuda:N"),
        (["trainer.batch_size=0"], r"trainer\.batch_size=0: must be at least 1, or null"),
        (["trainer.eval_users=0"], r"trainer\.eval_users=0: must be at least 1, or null for every"),
        (
            ["trainer.draw=weight"],
            r"trainer\.draw=weight: a full batch holds every pair; set trainer\.batch_size",
        ),
        (["trainer.draw=all"], r"trainer\.draw='all': must be one of each, weight"),
        (
            ["baseline=puresvd", "baseline.factors=0"],
            r"^baseline\.factors is 0: it must be at least",
        ),
        (
            ["evaluation.baselines={ease: {l2: 0}}"],
            r"^baselines\.ease\.l2 is 0: it must be above 0",
        ),
        (["evaluation.ks=20"], r"evaluation\.ks=20: must be a list"),
        (
            ["encoder._target_=os.system"],
            r"encoder\._target_=os\.system: not an allowed target; say allow=\[os\]",
        ),
        (
            ["encoder._target_=gnnseg.models.encoders.mf.MFF"],
            r"gnnseg\.models\.encoders\.mf has no MFF",
        ),
        (["data.k_core=x"], r"data\.k_core='x': must be a whole number"),
        (["seeds=1"], r"seeds: no such setting; did you mean seed\?"),
        (["data.path=a b"], r"data\.path"),
        (["optimizer.momentums=1"], r"optimizer\.momentums"),
        (["allow=mylab"], r"allow='mylab': give a list"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_sentence(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        config.check(config.compose(overrides))
    assert "\n" not in str(caught.value)
    assert "append" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["encoder=sage", "encoder.neighbors=[10,5]"], "did you mean encoder.neighbours?"),
        (["encoder=sage", "encoder.aggregator=mean"], "did you mean encoder.aggregate?"),
        (
            ["encoder=lightgcn", "encoder.neighbours=[9]"],
            "has none; leave it out, or choose encoder=pyg or rgcn or sage.",
        ),
        (
            ["encoder=pyg", "encoder.options.aggr=max"],
            "encoder.options is given whole; write 'encoder.options={aggr: max}'.",
        ),
        (["encoder=graphsage"], "did you mean sage?"),
        (["lr=0.1"], "did you mean optimizer.lr?"),
        (["objective=policy", "objective.caution=-1"], "did you mean objective.pessimism?"),
        (["trainer.lr=0.1"], "did you mean optimizer.lr?"),
        (["epochs=3"], "did you mean trainer.max_epochs?"),
    ],
)
@pytest.mark.slow
def test_what_was_meant_is_looked_for_in_what_was_chosen(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        config.check(config.compose(overrides))
    assert said in str(caught.value)


def test_a_choice_of_ones_own_that_cannot_be_composed_is_said_at_once(tmp_path: Path) -> None:
    """Its package stands in the second line, where Hydra does not look."""
    (tmp_path / "head").mkdir()
    text = "# mine\n# @package _global_\ndefaults:\n  - override /objective: sampled_softmax\n"
    (tmp_path / "head" / "mine.yaml").write_text(f"{text}head:\n  tau: 0.1\n", "utf-8")
    with pytest.raises(InputError, match=r"objective@head\.objective: no such setting"):
        config.compose(["head=mine"], [tmp_path])


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=sage"], ["encoder=mf"], ["encoder=two_tower"], ["encoder=rgcn"],
        ["encoder=lightgcn"],
        ["encoder=pyg", "encoder.conv=GraphConv", "encoder.init=normal"], ["encoder=pinsage"],
        ["encoder.layers=0"],
    ],
)  # fmt: skip
@pytest.mark.slow
def test_edges_may_weigh_for_those_who_read_it(overrides: list[str]) -> None:
    config.check(config.compose([*overrides, "graph.weights=log"]))


def test_a_lacking_key_is_named() -> None:
    whole = config.compose([])
    del whole["encoder"]["dim"]
    with pytest.raises(InputError, match=r"encoder\.dim: is missing"):
        config.check(whole)


def test_torch_targets_take_a_part_of_their_signature() -> None:
    config.check(config.compose(["optimizer._target_=torch.optim.SGD", "+optimizer.momentum=0.9"]))


def test_fits() -> None:
    assert config.fits(1, float)
    assert not config.fits(True, float)
    assert not config.fits(float("inf"), float)
    assert config.fits(None, int | None)
    assert config.fits([1, 2.5], list[float])
    assert not config.fits(["a"], list[float])


def test_composing_inside_another_hydra_program_leaves_it_alone(tmp_path: Path) -> None:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    (tmp_path / "theirs.yaml").write_text("a: 1\n", "utf-8")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert config.compose(["seed=5"])["seed"] == 5
        assert compose("theirs")["a"] == 1
    assert not GlobalHydra.instance().is_initialized()


def test_the_logger_still_speaks_in_and_after_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra disables every logger that is there when a job begins."""
    monkeypatch.chdir(tmp_path)
    inside: list[bool] = []
    logger = logging.getLogger("gnnseg")
    config.launch(["--multirun", "seed=0,1"], lambda given: inside.append(logger.disabled))
    assert inside == [False, False]
    assert not logger.disabled


@pytest.mark.parametrize("group", ["metrics", "baselines", "trainer/schedule"])
def test_a_group_that_is_chosen_as_null_is_one_sentence(group: str, tmp_path: Path) -> None:
    (tmp_path / group).mkdir(parents=True)
    (tmp_path / group / "mine.yaml").write_text("{}\n", "utf-8")
    with pytest.raises(InputError, match=rf"{group}=null: a group's choice is the name of a file"):
        config.compose([f"{group}=null"], [tmp_path])


@pytest.mark.parametrize("group", ["encoder", "head", "objective"])
def test_messages_call_a_part_by_what_it_is_chosen_by(group: str) -> None:
    for file in (config.conf_folder() / group).glob("*.yaml"):
        node = yaml.safe_load(file.read_text("utf-8")).get(group) or {}
        if "_target_" in node:
            assert requirements.part_of({"allow": []}, group, node).name == file.stem
