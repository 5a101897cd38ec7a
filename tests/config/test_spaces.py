"""conf/hparams: every space names settings that exist, and its draws compose."""

from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.config import names, spaces
from gnnseg.runs.configured import check_here
from gnnseg.types import InputError, space

TERMS = ("l2", "simgcl", "xsimgcl")  # spaces of terms beside the objective
WITHOUT = {"raw", "popularity"}  # nothing to draw from
BESIDE = {  # what a part cannot do without, or its draws not be seen without
    "social": ["objective=network", "head=segments"],
    "network": ["encoder=social", "head=segments"],
    "policy": ["head=segments"],
    "likelihood": ["head=segments"],
    "bpr": ["head=dot"],
    "bce": ["head=dot"],
    "bsl": ["head=dot"],
    "margin": ["head=dot"],
    "sampled_softmax": ["head=dot"],
    "xsimgcl": ["head=dot"],
    "ccl": ["head=dot", "head.bias=false"],
    "directau": ["head=dot", "head.bias=false"],
    "ultragcn": ["encoder=mf", "head=dot"],
}


def chosen(name: str) -> list[str]:
    groups = [group for group in spaces.PARTS if name in names.choices(group)]
    assert len(groups) == (name not in TERMS), f"{name}: a space is called as its part"
    return [*(f"{group}={name}" for group in groups), *BESIDE.get(name, [])]


def test_every_part_with_settings_has_a_space() -> None:
    parts = {name for group in spaces.PARTS for name in names.choices(group)}
    there = set(names.choices(spaces.GROUP))
    assert parts - WITHOUT - there == set(), "write conf/hparams/NAME.yaml, or add it to WITHOUT"
    assert there - parts == set(TERMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(names.choices(spaces.GROUP)))
def test_a_space_names_settings_of_its_part_and_its_draws_compose(name: str) -> None:
    found = space.of(spaces.named(name))
    plain = config.compose(chosen(name))
    groups = {"optimizer", "regularisers", "objective", "head", "encoder", "baseline"}
    for key in found.values:
        node = plain
        for part in key.split("."):
            assert part in node, f"{key}: no such setting of {name}"
            node = node[part]
        assert key.split(".")[0] in groups
    for draw in {*found.corners(), *found.drawn(1)}:
        check_here(config.compose([*chosen(name), *draw]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(names.choices(spaces.GROUP)))
def test_a_space_holds_the_default_between_its_ends(name: str) -> None:
    """Else a search could only lose what the settings as they come are worth."""
    plain = config.compose(chosen(name))
    for key, values in space.of(spaces.named(name)).values.items():
        node = plain
        for part in key.split("."):
            node = node[part]
        if isinstance(values, space.Interval):
            off = key.startswith("regularisers.") and node == 0  # a term that is left out
            off = off or (key in ("encoder.gamma", "head.tau") and node is None)  # left to the data
            assert off or values.low <= node <= values.high, key
        else:
            assert space.word(node) in values, key


def test_parts_of_a_configuration_name_their_spaces() -> None:
    def of(*words: str) -> list[str]:
        return list(spaces.of_parts(config.compose(list(words))))

    assert of("encoder=lightgcnpp", "head=dot") == ["lightgcnpp", "dot", "sampled_softmax"]
    assert of("head.beta=affinity") == ["lightgcn", "segments", "sampled_softmax"]
    assert of("baseline=ease") == ["ease"]
    assert of("baseline=popularity") == []


def test_spaces_of_ones_own_and_several(tmp_path: Path) -> None:
    (tmp_path / "hparams").mkdir()
    (tmp_path / "hparams" / "mine.yaml").write_text("head.tau: [0.1, 0.2]\n", "utf-8")
    assert spaces.named("dot,mine", [tmp_path])["head.tau"] == [0.1, 0.2]
    with pytest.raises(InputError, match=r"hparams=dott: no such space; did you mean dot\?"):
        spaces.named("dott")
    (tmp_path / "hparams" / "mine.yaml").write_text("- head.tau\n", "utf-8")
    with pytest.raises(InputError, match="holds no settings"):
        spaces.named("mine", [tmp_path])


def test_a_typed_space_is_that_of_a_file() -> None:
    plain, swept = config.split_space(
        ["head=dot", "encoder.layers=1,2", "head.tau=tag(log,interval(0.1,0.3))",
         "encoder.dim=int(interval(8,64))", "head.layers=choice([32,16],[64])"]
    )  # fmt: skip
    assert plain == ["head=dot"]
    file = {
        "encoder.layers": [1, 2], "head.tau": {"low": 0.1, "high": 0.3, "log": True},
        "encoder.dim": {"low": 8, "high": 64, "whole": True}, "head.layers": [[32, 16], [64]],
    }  # fmt: skip
    assert space.of(swept) == space.of(file)
    again = config.split_space(space.of(file).typed())
    assert space.of(again[1]).values["head.tau"] == space.of(file).values["head.tau"]


@pytest.mark.parametrize(("node", "said"), [
    ({"a": []}, "a: is empty"),
    ({"a": 3}, r"a: is 3; write a list of values, or an interval"),
    ({"a": [1, 1]}, "a: 1 stands twice"),
    ({"a": {"low": 1}}, "a.high: is missing"),
    ({"a": {"low": 2, "high": 1}}, "a: low must be below high, not 2 and 1"),
    ({"a": {"low": 0, "high": 1, "log": True}}, "a: log: true needs low above 0"),
    ({"a": {"low": 0.5, "high": 2, "whole": True}}, "a: whole: true needs whole numbers"),
    ({"a": {"low": 0, "high": 1, "lag": True}}, "a.lag: no such key"),
    ({"a": {"low": "0", "high": 1}}, "a.low: is '0'; write a number"),
])  # fmt: skip
def test_what_is_no_space_is_one_sentence(node: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        space.of(node)


def test_draws_lie_within_and_are_always_the_same() -> None:
    found = space.of({
        "x": {"low": 0.001, "high": 0.1, "log": True}, "n": {"low": 1, "high": 3, "whole": True},
        "c": ["a", None],
    })  # fmt: skip
    draws = found.drawn(200)
    assert draws == found.drawn(200)
    x = [float(draw[0].partition("=")[2]) for draw in draws]
    assert min(x) >= 0.001
    assert max(x) <= 0.1
    assert 0.3 < sum(value < 0.01 for value in x) / 200 < 0.7  # half of them by the logarithm
    assert {draw[1] for draw in draws} == {"n=1", "n=2", "n=3"}
    assert {draw[2] for draw in draws} == {"c=a", "c=null"}
    assert found.corners()[0] == ("x=0.001", "n=1", "c=a")
    assert found.corners()[-1] == ("x=0.1", "n=3", "c=null")


def test_what_decides_what_is_measured_is_not_searched() -> None:
    for key in ("seed", "split.seed", "data.k_core", "evaluation.seen", "trainer.monitor"):
        with pytest.raises(InputError, match="decides what is measured"):
            spaces.refuse_measured([key])
    spaces.refuse_measured(["trainer.max_epochs", "head.tau"])


def test_an_experiment_composes_to_what_it_was_made_of(tmp_path: Path) -> None:
    words = [
        "data=ml-1m", "encoder=mf", "head=segments", "head.beta=affinity", "head.top=null",
        "experiment=ml-1m-segments", "regularisers.l2.weight=1e-05", "allow=[a]", "seed=7",
        "data.root=/nowhere", "runs.root=/elsewhere", "device=cpu",
    ]  # fmt: skip
    (tmp_path / "experiment").mkdir()
    text = config.as_experiment(words, [], "why\nand how")
    assert text.startswith("# @package _global_\n# why\n# and how\n")
    assert not any(each in text for each in ("/nowhere", "/elsewhere", "device"))
    (tmp_path / "experiment" / "found.yaml").write_text(text, "utf-8")
    mine = ["data.root=/nowhere", "runs.root=/elsewhere", "device=cpu"]
    assert config.compose(["experiment=found", *mine], [tmp_path]) == config.compose(words)
