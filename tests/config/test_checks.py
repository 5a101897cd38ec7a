"""A node is checked one way, whoever wrote its target and wherever it stands."""

import abc
import sys
import types
from pathlib import Path
from typing import Any, Literal

import pytest

from gnnseg import config
from gnnseg.config.checks import check_allow, check_node
from gnnseg.models.encoders import LightGCN
from gnnseg.types import InputError


class Part(abc.ABC):
    """What a part of the user's must derive from."""

    @abc.abstractmethod
    def act(self) -> int: ...


class Mine(Part):
    def __init__(
        self, shape: object, *, width: int, kind: Literal["a", "b"] = "a", names: list[str] | None
    ) -> None: ...

    def act(self) -> int:
        return 1


class Unfinished(Part):
    def __init__(self, *, width: int) -> None: ...


def function(place: object, *, width: int) -> int:
    return width


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("ownlab")
    for part in (Mine, Unfinished, function):
        setattr(package, part.__name__, part)
    package.constant = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ownlab", package)


def node(**settings: Any) -> dict[str, Any]:
    return {"_target_": "ownlab.Mine", "width": 3, "kind": "b", "names": None} | settings


def test_a_good_node_gives_its_target() -> None:
    assert check_node("trainer.part", node(), ["ownlab"], base=Part) is Mine
    assert check_node("part", {"_target_": "ownlab.function", "width": 1}, ["ownlab"]) is function
    assert check_node("part", node(root="x"), ["ownlab"], beside=("root",)) is Mine


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"width": 3},
            r"part: has no _target_; choose one of conf/part, or begin a file of your own",
        ),
        (3, r"part: has no _target_"),
        (node(widht=3), r"part\.widht: no such setting; did you mean part\.width\?"),
        (node(shape=3), r"part\.shape: is no keyword-only argument"),
        (node(width=1.5), r"part\.width=1\.5: must be a whole number\."),
        (node(kind="c"), r"part\.kind='c': must be one of a, b\."),
        (node(names=["a", 1]), r"part\.names=.*: must be a list, each item text or null\."),
        ({"_target_": "ownlab.Mine", "width": 3, "kind": "a"}, r"part\.names: is missing; conf/"),
        ({"_target_": "ownlab.constant"}, r"ownlab\.constant: is no class or function; name one\."),
        ({"_target_": "ownlab.nothing"}, r"ownlab has no nothing; check the name\."),
        (
            {"_target_": "ownlab.function", "width": 3},
            r"ownlab\.function: cannot stand here; name .*Part or a class derived from it\.",
        ),
        (
            {"_target_": "ownlab.Unfinished", "width": 3},
            r"ownlab\.Unfinished: lacks act; define it in that class\.",
        ),
    ],
)
def test_a_bad_node_is_one_sentence(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        check_node("part", given, ["ownlab"], base=Part)
    assert "\n" not in str(caught.value)


def test_a_target_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(InputError, match=r"part\._target_=ownlab\.Mine: .* say allow=\[ownlab\]"):
        check_node("part", node(), [])


def test_a_group_takes_only_its_own_kind_of_part() -> None:
    composed = config.compose([])
    composed["encoder"] = composed["head"]
    with pytest.raises(
        InputError, match=r"encoder\._target_=.*: cannot stand here; name .*Encoder"
    ):
        config.check(composed)
    composed = config.compose(["allow=[ownlab]"])
    composed["graph"] = {**composed["graph"], "_target_": "ownlab.function"}
    with pytest.raises(InputError, match=r"graph\._target_=.*: cannot stand here; name gnnseg\."):
        config.check(composed)


def test_allow_has_one_form() -> None:
    assert check_allow(["a", "b"]) == ["a", "b"]
    with pytest.raises(InputError, match=r"allow='ownlab': give a list .* allow=\[ownlab\]\."):
        check_allow("ownlab")
    with pytest.raises(InputError, match=r"allow=\[3\]: give a list .* allow=\[mylab\]\."):
        check_allow([3])


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_a_device_may_have_a_number(device: str) -> None:
    config.check(config.compose([f"device={device}"]))


@pytest.mark.parametrize("device", ["cuda:x", "cpu:1", "cuda:"])
def test_another_device_is_refused(device: str) -> None:
    with pytest.raises(InputError, match=r"device=.*: must be one of auto, cpu, cuda, cuda:N"):
        config.check(config.compose([f"device='{device}'"]))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("syntax error here", r"SyntaxError: .*\(broken.py, line 1\); mend that line"),
        ("x = 1\ny = x / 0", r"ZeroDivisionError: .*broken\.py, line 2\); mend that line"),
        ("import no_such_package_anywhere", "cannot be imported .*no_such_package_anywhere"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_sentence(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=rf"encoder\._target_=broken\.Mine: .*{said}"):
        check_node("encoder", {"_target_": "broken.Mine"}, ["broken"])


def test_a_target_without_a_module_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"_target_=ownlab: names no class; write PACKAGE\."):
        check_node("encoder", {"_target_": "ownlab"}, ["ownlab"])


@pytest.mark.parametrize("name", ["encoder/lightgcn.yaml", "config.yaml"])
def test_a_file_that_would_not_be_read_is_refused(name: str, tmp_path: Path) -> None:
    """Hydra reads the first file of a name, which is ours: the user's own would be ignored."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("_target_: ownlab.Mine\n", "utf-8")
    with pytest.raises(InputError, match=rf"{name}: gnnseg has a .* call yours by another name"):
        config.compose(["encoder=lightgcn"], [tmp_path])
    (tmp_path / name).write_bytes((config.conf_folder() / name).read_bytes())
    assert config.compose(["encoder=lightgcn"], [tmp_path]) == config.compose(["encoder=lightgcn"])


def test_one_name_in_two_folders_is_refused(tmp_path: Path) -> None:
    for folder, dim in (("a", 3), ("b", 4)):
        (tmp_path / folder / "optimizer").mkdir(parents=True)
        (tmp_path / folder / "optimizer" / "mine.yaml").write_text(f"lr: {dim}\n", "utf-8")
    folders = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(InputError, match=r"b.optimizer.mine\.yaml: .*a.optimizer.mine\.yaml has a"):
        config.compose([], folders)


@pytest.mark.parametrize("words", ["features", frozenset({"attributes"})])
def test_what_nobody_provides_cannot_be_required(
    words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt word would be asked of nobody, and the part get nothing."""
    monkeypatch.setattr(LightGCN, "requires", classmethod(lambda cls, **settings: words))
    with pytest.raises(
        InputError, match=r"encoder: LightGCN\.requires returns .*; return a set of"
    ):
        config.check(config.compose([]))
