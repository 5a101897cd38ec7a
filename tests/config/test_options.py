"""What ``gnnseg options`` tells: every setting has a meaning, defaults are those of a command,
mistakes are named."""

import subprocess
import sys
from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.config import names, options
from gnnseg.config.options import docstrings, listing, parts
from gnnseg.config.options.comments import comments, heading
from gnnseg.types import InputError

CHOICES = [
    pytest.param(choice, id=f"{group}-{name}")
    for group in names.groups()
    for name, choice in parts.choices_of(group).items()
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.slow
def test_every_choice_has_a_summary_and_every_setting_a_meaning(choice: parts.Choice) -> None:
    assert choice.summary
    lacking = [s.key for s in choice.settings if not s.meaning]
    assert not lacking, f"say in {choice.path} or in the docstring what these mean"
    assert not [s.key for s in choice.settings if not s.type]
    assert "``" not in listing.describe(choice)


def test_every_group_and_every_top_level_setting_has_a_meaning() -> None:
    assert [group for group in names.groups() if not parts.group_meanings().get(group)] == []
    top = parts.top_settings()
    assert [key for key, setting in top.items() if not setting.meaning] == []
    assert set(top) <= set(parts.TYPES)
    groups = {*names.groups(), *parts.default_choices()}
    assert {key.split(".")[0] for key in top} | groups >= set(config.TOP)


def test_top_level_types_are_those_that_check_requires() -> None:
    composed = config.compose([])
    for key, setting in parts.top_settings().items():
        value = composed
        for part in key.split("."):
            value = value[part]
        assert config.fits(value, parts.TYPES[setting.key])


def test_the_overview_names_every_choice_and_marks_the_default() -> None:
    said = options.text()
    for group in names.groups():
        assert f"\n{group} " in said
    shown = said.split("[…] is the default")[0].split()
    for group in names.groups():
        default = parts.default_choices().get(group)
        for name in parts.choices_of(group):
            assert (f"[{name}]" if name == default else name) in shown
    assert "[lightgcn]" in shown
    assert "balance" in shown  # a term of the regularisers, chosen by its weight
    assert "runs.root=./runs (or $GNNSEG_RUNS)  text" in said
    assert "sweep.fail_fast=false" in said


def test_the_overview_imports_neither_torch_nor_hydra() -> None:
    asked = "from gnnseg.config import options; options.text()"
    code = f"import sys; {asked}; print({{'torch', 'hydra'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


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
    plus = options.text("encoder", "lightgcnpp")
    assert "LightGCN++ (Lee et al. 2024)" in plus
    assert "encoder.unit=true" in plus
    assert "the other exponent of that weight" in plus  # a comment of the YAML it builds on


def test_defaults_are_what_a_command_gets() -> None:
    """One-choice groups say all at once; what an objective brings is in force, and listed."""
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


def test_a_regulariser_is_shown_as_it_is_typed() -> None:
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
            r"options encodr: no such group; did you mean encoder \(there are data, .*sweep\)\?",
        ),
        (
            ("encoder", "lightgnc"),
            r"no such choice; did you mean lightgcn \(there are dgcf, dnn, ",
        ),
        (
            ("encoder", "zzz"),
            r"options encoder zzz: no such choice; there are dgcf, dnn, ",
        ),
    ],
)
def test_a_wrong_name_is_answered_by_those_there_are(asked: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        options.text(*asked)


MINE = '''
"""Nothing of interest."""

class Mine:
    """My own encoder (Somebody & Other 2031): a sum. It says more.

    ``width_of_it``: how wide; ``both``, ``shared``: how both are shared (``width_of_it`` apart).
    """

    def __init__(
        self, shape, rng, *, width_of_it: int, both: bool, shared: list[float] | None, quiet: float
    ):
        pass
'''


def test_a_users_own_component_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    yaml = "_target_: myown_lab.Mine\nwidth_of_it: 3\nboth: true\nshared: null\n"
    yaml += "quiet: 0.5  # said here\n"
    (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(yaml)
    (tmp_path / "myown_lab.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    own = {"folders": [Path("conf")], "allow": ["myown_lab"]}
    assert " mf mine " in options.text(folders=[Path("conf")])
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
    assert docstrings.defined(doc, "a") == found


ARGS = """My encoder.

Args:
    shape: Sizes.
    width (int): How wide ``it`` is,
        in columns.
    low, high: The range.

Returns:
    width: not this one.
"""


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("width", "How wide it is, in columns"),
        ("low", "The range"),
        ("high", "The range"),
        ("in", ""),
        ("depth", ""),
    ],
)
def test_what_an_args_section_says(key: str, found: str) -> None:
    assert docstrings.argument(ARGS, key) == found


def test_a_clause_that_names_another_setting_is_not_cut_there() -> None:
    doc = "``a``: what ``b`` is, ``none`` or ``all``; at most ten. ``b``: two."
    assert docstrings.defined(doc, "a") == "what b is, none or all; at most ten"


YAML = """# @package _global_
# My encoder: a sum
# of rows.
encoder:
  _target_: mylab.Mine
  width: 3  # how wide it is, in columns
            # and in rows
  # how often messages
  # are passed on
  layers: 2
  users: null  # vectors by id
  items: null
  kept: "a # b"
  bare: 1
"""


def test_comments_of_more_than_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(YAML, "utf-8")
    assert heading(path) == "My encoder: a sum of rows."
    said = comments(path, "encoder")
    assert said == {
        "width": "how wide it is, in columns and in rows",
        "layers": "how often messages are passed on",
        "users": "vectors by id",
    }
    assert comments(path, "encoder", shared=True) == said | {"items": "vectors by id"}


def test_the_yaml_says_it_before_the_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "conf" / "drawing" / "far").mkdir(parents=True)
    yaml = "_target_: mylab_of_options.Mine\nwidth_of_it: 3  # in the YAML's words\nboth: true\n"
    yaml += "shared: null\nquiet: 0.5\n"
    (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(yaml)
    (tmp_path / "conf" / "drawing" / "lots.yaml").write_text(f"# A group of mine\n{yaml}")
    (tmp_path / "mylab_of_options.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    own = {"folders": [Path("conf")], "allow": ["mylab_of_options"]}
    assert "3  a whole number\n    in the YAML's words\n" in options.text("encoder", "mine", **own)
    assert "\ndrawing\n              lots\n" in options.text(folders=[Path("conf")])
    said = options.text("drawing", **own)
    assert said.startswith("drawing=lots\n  A group of mine\n  builds mylab_of_options.Mine\n")
    assert "drawing.width_of_it=3" in said
    term = "".join(f"  {line}\n" for line in yaml.splitlines())
    (tmp_path / "conf" / "drawing" / "far" / "many.yaml").write_text(f"one:\n{term}two:\n{term}")
    said = options.text("drawing/far", "two", **own)
    assert said.startswith("drawing.far.two\n  My own encoder (Somebody & Other 2031): a sum.\n")
    assert "drawing.far.two.width_of_it=3" in said


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.slow
def test_nothing_that_is_said_is_cut(choice: parts.Choice) -> None:
    """Every summary and meaning stands there whole, however many lines it takes."""
    said = " ".join(listing.describe(choice).split())
    for words in (choice.summary, *(setting.meaning for setting in choice.settings)):
        assert " ".join(words.split()) in said
        assert words.count("(") == words.count(")")
        assert not words.endswith((",", ":", ";"))


def test_allow_has_the_form_it_has_everywhere() -> None:
    assert options.packages("[mylab]") == ["mylab"]
    assert options.packages("[a, b]") == ["a", "b"]
    assert options.packages("[]") == []
    for typed in ("mylab", "{a", ""):
        with pytest.raises(InputError, match=r"give a list of package names, such as allow=\["):
            options.packages(typed)
