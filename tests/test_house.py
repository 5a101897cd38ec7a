"""The house keeps its measure: short modules and functions, small classes, one name a class."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import gnnseg

ROOT = Path(gnnseg.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in MODULES}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_at_most_eight_modules_stand_directly_under_the_package():
    assert len(list(ROOT.glob("*.py"))) <= 8


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_module_is_read_in_one_sitting(path):
    text = path.read_text("utf-8")
    lines = len(text.splitlines())
    assert lines <= 350, f"{place(path)} has {lines} lines"
    for node in ast.walk(TREES[path]):
        if isinstance(node, FUNCTION):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{place(path)}: {node.name} has {length} lines"
        if isinstance(node, ast.ClassDef):
            public = [m.name for m in node.body if isinstance(m, FUNCTION) and m.name[0] != "_"]
            assert len(public) <= 20, f"{place(path)}: {node.name} has {len(public)} public methods"


def test_a_class_name_means_one_class():
    found = defaultdict(list)
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(place(path))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_what_is_public_says_what_it_is(path):
    """Of every public class and function at the top of a module, on the first line."""
    for node in TREES[path].body:
        if isinstance(node, FUNCTION | ast.ClassDef) and not node.name.startswith("_"):
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            assert summary, f"{place(path)}: {node.name} has no docstring"
            assert summary.rstrip().endswith((".", ":", "?", "»")), (
                f"{place(path)}: {node.name}: {summary}"
            )
