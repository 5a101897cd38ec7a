"""What ``gnnseg options`` tells: every setting has a meaning, defaults are those of a command,
mistakes are named."""

import subprocess
import sys
from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.config import options
from gnnseg.types import InputError

CHOICES = [
    pytest.param(choice, id=f"{group}-{name}")
    for group in options._groups()
    for name, choice in options._choices(group, ()).items()
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.slow
def test_every_choice_has_a_summary_and_every_setting_a_meaning(choice: options.Choice) -> None:
    assert choice.summary
    lacking = [s.key for s in choice.settings if not s.meaning]
    assert not lacking, f"say in {choice.path} or in the docstring what these mean"
    assert not [s.key for s in choice.settings if not s.type]
    assert "``" not in options._told(choice)


def test_every_group_and_every_top_level_setting_has_a_meaning() -> None:
    told = options._comments(config.conf_folder() / "config.yaml")
    assert [group for group in options._groups() if not told.get(f"defaults.{group}")] == []
    top = dict(options._top())
    assert [key for key, setting in top.items() if not setting.meaning] == []
    assert {key.split(".")[0] for key in top} | set(config.GROUPS) == set(config.TOP)


def test_top_level_types_are_those_that_check_wants() -> None:
    composed = config.compose([])
    for key, setting in options._top():
        value = composed
        for part in key.split("."):
            value = value[part]
        assert config.fits(value, options.TYPES[setting.key])


def test_the_overview_names_every_choice_and_marks_the_default() -> None:
    said = options.text()
    for group in config.GROUPS:
        assert f"\n{group} " in said
    assert "dnn [lightgcn] lightgcnpp linear mf pinsage pyg raw rgcn sage social two_tower" in said
    assert "[ml-100k]" in said
    assert "balance entropy l2" in said
    assert "runs.root=./runs (or $GNNSEG_RUNS)  text" in said
    assert "sweep.fail_fast=false" in said


def test_the_overview_imports_neither_torch_nor_hydra() -> None:
    code = "import sys; from gnnseg.config import options; options.text(); print({'torch', 'hydra'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "set()\n"
    )


def test_a_group_lists_its_choices_with_what_they_are_and_who_sets_them() -> None:
    said = options.text("encoder")
    assert "* lightgcn    LightGCN (He et al. 2020)" in said
    assert "  mf          Matrix factorisation (Koren et al. 2009)" in said
    assert "head=dot: objective=sampled_softmax" in options.text("objective")


def test_a_choice_tells_key_default_type_meaning_and_paper() -> None:
    said = options.text("encoder", "lightgcn")
    assert "papers: He et al. 2020; Lee et al. 2024" in said
    assert "encoder.layers=2 " in said
    assert "a whole number\n    L, how often messages are passed on" in said
    assert "one of normal, spectral\n" in said
    assert "L+1 numbers, layer 0 first; null: the mean\n" in said
    plus = options.text("encoder", "lightgcnpp")
    assert "LightGCN++ (Lee et al. 2024)" in plus
    assert "encoder.unit=true" in plus
    assert "the other exponent of that weight" in plus  # a comment of the YAML it builds on


def test_defaults_are_what_a_command_gets() -> None:
    """One-choice groups are told at once; what an objective brings is in force, and listed."""
    said = options.text("trainer")
    assert "trainer.batch_size=null " in said
    assert config.compose([])["trainer"]["batch_size"] is None
    assert "objective=bpr: trainer.batch_size=2048" in said
    assert "also sets objective=sampled_softmax" in options.text("head", "dot")
    assert "optimizer.lr=0.05" in options.text("objective", "likelihood")


def test_a_foreign_target_tells_what_else_it_takes() -> None:
    said = options.text("optimizer", "adam")
    assert "+optimizer.betas" in said
    assert "Kingma & Ba 2015" in said
    assert "+optimizer.params" not in said


def test_a_regulariser_is_told_as_it_is_typed() -> None:
    assert "regularisers.l2.weight=0.0" in options.text("regularisers", "l2")
    assert "He et al. 2020" in options.text("regularisers", "l2")


def test_a_setting_of_no_group_is_found() -> None:
    assert options.text("sweep").startswith("sweep.name=null")
    assert "sweep.fail_fast" in options.text("sweep.fail_fast")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ("encodr",),
            r"options encodr: no such group; did you mean encoder \(there are data, split, .*sweep\)\?",
        ),
        (
            ("encoder", "lightgnc"),
            r"no such choice; did you mean lightgcn \(there are dnn, lightgcn, lightgcnpp, ",
        ),
        (
            ("encoder", "zzz"),
            r"options encoder zzz: no such choice; there are dnn, lightgcn, lightgcnpp, linear, mf, ",
        ),
    ],
)
def test_a_wrong_name_is_told_with_those_there_are(asked: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        options.text(*asked)


MINE = '''
"""Nothing of interest."""

class Mine:
    """My own encoder (Somebody & Other 2031): a sum. It says more.

    ``width_of_it``: how wide; ``both``, ``shared``: how both are shared (``width_of_it`` apart).
    """

    def __init__(self, shape, rng, *, width_of_it: int, both: bool, shared: list[float] | None, quiet: float):
        pass
'''


def test_a_users_own_component_is_found_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    yaml = "_target_: myown_lab.Mine\nwidth_of_it: 3\nboth: true\nshared: null\nquiet: 0.5  # said here\n"
    (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(yaml)
    (tmp_path / "myown_lab.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    own = {"folders": [Path("conf")], "allow": ["myown_lab"]}
    assert "linear mf mine pinsage pyg raw rgcn sage social" in options.text(folders=[Path("conf")])
    assert "mine        My own encoder (Somebody & Other 2031): a sum." in options.text(
        "encoder", **own
    )
    said = options.text("encoder", "mine", **own)
    assert "papers: Somebody & Other 2031" in said
    assert "encoder.width_of_it=3  a whole number\n    how wide\n" in said
    assert said.count("    how both are shared (width_of_it apart)\n") == 2
    assert "    said here" in said
    with pytest.raises(InputError, match=r"not an allowed target; say allow=\[myown_lab\]"):
        options.text("encoder", "mine", folders=[Path("conf")])


@pytest.mark.parametrize(
    ("doc", "found"),
    [
        ("``a``: one; ``b``: two.", "one"),
        ("``a``: one; then two. ``b``: two.", "one; then two"),
        ("``b``: x. ``a``: p (He et al. 2020), q. Next.", "p (He et al. 2020), q"),
        ("Either (``a``: one) or two.", "one"),
        ("``a``, ``b``: both.", "both"),
        ("``ab``: other.", ""),
        ("``a`` alone.", ""),
    ],
)
def test_what_a_docstring_defines(doc: str, found: str) -> None:
    assert options._defined(doc, "a") == found
