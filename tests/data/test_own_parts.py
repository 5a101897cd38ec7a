"""A data set and a split of one's own package train; what is none is refused at the door."""

import importlib
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gnnseg import config
from gnnseg.data.raw import Raw
from gnnseg.data.sets.base import checked
from gnnseg.runs import train as pipeline
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

PACKAGE = '''
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from gnnseg.data.raw import Raw
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.planted import Planted
from gnnseg.data.split import SplitRule


@dataclass(frozen=True, kw_only=True)
class planted(Reader):
    """A set that is called as ours is, and is not ours."""

    path: str
    every: int = 1

    def read(self, place, name):
        lines = Path(self.path).read_text().split()[:: self.every]
        pairs = [line.split(",") for line in lines]
        return Raw(name=name, events=pl.DataFrame(pairs, schema=["user", "item"], orient="row"))


class Thirds(SplitRule):
    """Every third event to each part; ``shift``: which is first."""

    def __init__(self, *, shift: int = 0):
        self.shift = shift

    def parts(self, dataset):
        return (np.arange(len(dataset.interactions)) + self.shift) % 3


class Wrong(SplitRule):
    def parts(self, dataset):
        return np.full(len(dataset.interactions), 3)


@dataclass(frozen=True, kw_only=True)
class Frame(planted):
    """Hands over a table where a Raw is asked for."""

    def read(self, place, name):
        return super().read(place, name).events


class Unfinished(Reader):
    """Reads nothing."""


def read(place, *, name):
    """What was a source of data once."""
    raise AssertionError("was called")


def graph(*args, **settings):
    raise AssertionError("was called")
'''
SMALL = [
    "encoder=mf", "encoder.dim=4", "head=dot", "trainer.max_epochs=1", "device=cpu",
    "evaluation.ks=[5,20]",
]  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a package ``ownshop``, a table, and a conf/ of their own."""
    (tmp_path / "ownshop.py").write_text(PACKAGE, "utf-8")
    rows = [f"u{n % 20},i{(n * 7 + n // 20) % 30}" for n in range(300)]
    (tmp_path / "table.csv").write_text("\n".join(rows), "utf-8")
    for group, text in {
        "data": f"""\
            # @package _global_
            defaults:
              - override /split: thirds
            data:
              _target_: ownshop.planted
              name: shop
              root: .
              path: {tmp_path / "table.csv"}
              every: 1
              min_weight: null
              k_core: 0
            """,
        "split": "_target_: ownshop.Thirds\nshift: 0\n",
    }.items():
        folder = tmp_path / "my_conf" / group
        folder.mkdir(parents=True)
        name = {"data": "shop", "split": "thirds"}[group]
        (folder / f"{name}.yaml").write_text(textwrap.dedent(text), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("ownshop", None)
    importlib.invalidate_caches()


def composed(shop: Path, *overrides: str) -> dict[str, Any]:
    made = config.compose(
        [
            "data=shop", "allow=[ownshop]", *SMALL, f"runs.root={shop / 'runs'}",
            f"cache.root={shop / 'cache'}", *overrides,
        ],
        [shop / "my_conf"],
    )  # fmt: skip
    config.check(made)
    return made


def train(shop: Path, *overrides: str) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    path = pipeline.train(composed(shop, *overrides), say=said.append, progress=False).path
    record: dict[str, Any] = json.loads((path / "run.json").read_text("utf-8"))
    return record, said


def test_a_set_and_a_split_of_ones_own_train_under_their_own_names(shop: Path) -> None:
    record, said = train(shop)
    assert record["state"] == "finished"
    assert record["config"]["data"]["_target_"] == "ownshop.planted"
    assert record["config"]["split"]["_target_"] == "ownshop.Thirds"
    assert record["data"]["name"] == "shop"
    assert record["data"]["split"] == "Thirds"
    assert record["data"]["notes"]["split"] == "Thirds"
    assert record["data"]["users"] == 20  # of the table, not of our planted set
    assert any("split Thirds" in line for line in said)
    shifted, _ = train(shop, "split.shift=1")
    assert shifted["data"]["pairs"] != record["data"]["pairs"]


def test_what_is_read_anew_is_never_an_older_table(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gnnseg.data.cache.ROWS", 1)
    before, _ = train(shop)
    (shop / "ownshop.py").write_text(PACKAGE.replace(":: self.every", "5 :"), "utf-8")
    sys.modules.pop("ownshop")
    importlib.invalidate_caches()
    after, said = train(shop)
    assert after["data"]["fingerprint"] != before["data"]["fingerprint"]
    assert not any("indexed before" in line for line in said)
    assert not list(shop.glob("cache/indexed/*"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data._target_=ownshop.read", "data._target_=ownshop.read: cannot stand here"),
        ("data._target_=ownshop.Thirds", "or a class derived from it"),
        ("data._target_=ownshop.Unfinished", "lacks read"),
        ("data._target_=ownshop.nothing", "ownshop has no nothing"),
        ("split._target_=ownshop.planted", "name gnnseg.data.split.SplitRule"),
        ("split._target_=ownshop.read", "split._target_=ownshop.read: cannot stand here"),
        ("graph._target_=ownshop.graph", "graph._target_=ownshop.graph: cannot stand here"),
        ("data.name=3", "data.name=3: must be text"),
        ("+split.shfit=1", "did you mean split.shift?"),
    ],
)
def test_what_is_none_is_refused_in_one_sentence(shop: Path, override: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        composed(shop, override)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parts_that_are_none_are_refused(shop: Path) -> None:
    made = composed(shop) | {"split": {"_target_": "ownshop.Wrong"}}
    with pytest.raises(InputError, match="Wrong.parts gives no part for each of the"):
        pipeline.read(made, lambda _: None)


def test_a_table_where_a_raw_is_asked_for_is_refused(shop: Path) -> None:
    made = composed(shop, "data._target_=ownshop.Frame")
    says = r"data: Frame\.read: returned a DataFrame; return a gnnseg\.data\.raw\.Raw"
    with pytest.raises(InputError, match=says):
        pipeline.read(made, lambda _: None)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ({"user": [1], "item": ["a"]}, r"events\.user is Int64; cast it to String"),
        ({"item": ["a"]}, "events has no column user"),
        (
            {"user": ["a"], "item": ["a"], "time": ["x"]},
            r"time is String; cast it to Float64",
        ),
        ({"user": ["a"], "item": ["a"], "weigth": [1.0]}, r"nothing reads events\.weigth"),
    ],
)
def test_what_a_reader_returns_is_checked(events: dict[str, list[Any]], says: str) -> None:
    with pytest.raises(InputError, match=rf"data: Mine\.read: .*{says}"):
        checked(Raw(name="x", events=pl.DataFrame(events)), "data: Mine.read")


def test_other_tables_are_checked_too() -> None:
    good: Any = pl.DataFrame({"user": ["a"], "item": ["b"]})
    with pytest.raises(InputError, match="users has no column id"):
        checked(Raw(name="x", events=good, users=pl.DataFrame({"age": [3.0]})), "here")
    with pytest.raises(InputError, match=r"events is a dict; give a polars\.DataFrame"):
        checked(Raw(name="x", events={"user": ["a"]}), "here")  # type: ignore[arg-type]
