"""The cache follows content, and whatever is wrong with it is said and mended."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnseg import config, data
from gnnseg.data import cache
from gnnseg.types import Dataset, Relation


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(cache, "ROWS", 1)
    rows = [f"{u},{i},{u + i}.5,{1600000000 + 1000 * u + i}" for u in range(6) for i in range(u, 8)]
    (tmp_path / "events.csv").write_text("\n".join(["user,item,weight,time", *rows]), "utf-8")
    (tmp_path / "people.csv").write_text(
        "id,name,age,job\n0,Ann,30,x\n1,Bo,,y\n5,Cy,50,\n", "utf-8"
    )
    (tmp_path / "ties.csv").write_text("user,user2\n0,1\n1,2\n", "utf-8")
    files = {"path": "events.csv", "users": "people.csv", "social": "ties.csv"}
    overrides = [f"data.{k}={tmp_path / v}" for k, v in files.items()]
    return dict(config.compose(["data=file", *overrides])["data"])


def load(node: dict[str, Any], where: Path) -> tuple[Dataset, list[str]]:
    said: list[str] = []
    return data.load(node, root=where / "no data", cache=where / "cache", say=said.append), said


def same(a: Dataset, b: Dataset) -> None:
    assert a.name == b.name
    assert a.users.ids.tolist() == b.users.ids.tolist()
    assert a.users.names is not None
    assert b.users.names is not None
    assert a.users.names.tolist() == b.users.names.tolist()
    for name in ("user", "item", "weight", "time", "spend"):
        np.testing.assert_array_equal(getattr(a.interactions, name), getattr(b.interactions, name))
    assert a.user_table is not None
    assert b.user_table is not None
    for name, column in a.user_table.columns.items():
        np.testing.assert_array_equal(column, b.user_table.columns[name])
    assert a.social is not None
    assert b.social is not None
    np.testing.assert_array_equal(a.social.target, b.social.target)
    assert a.notes == b.notes


def test_read_once_and_again_when_anything_changes(node: dict[str, Any], tmp_path: Path) -> None:
    first, said = load(node, tmp_path)
    assert not any("indexed before" in line for line in said)
    again, said = load(node, tmp_path)
    assert any("indexed before" in line for line in said)
    same(first, again)
    changed, said = load({**node, "min_weight": 3.0}, tmp_path)
    assert not any("indexed before" in line for line in said)
    assert len(changed.interactions) < len(first.interactions)
    path = Path(node["path"])
    path.write_text(path.read_text("utf-8") + "\n5,0,1,1600000007", "utf-8")
    more, said = load(node, tmp_path)
    assert not any("indexed before" in line for line in said)
    assert len(more.interactions) == len(first.interactions) + 1


def test_what_an_edge_tells_of_is_kept(node: dict[str, Any], tmp_path: Path) -> None:
    d, three = load(node, tmp_path)[0], np.arange(3)
    tags = Relation(
        name="tagged",
        source_kind="item",
        target_kind="tag",
        source=three,
        target=three,
        weight=np.ones(3),
        user=three - 1,
        item=three,
        time=three * 1.5,
    )
    path = tmp_path / "kept.npz"
    cache.save(
        path,
        replace(
            d,
            relations=(
                tags,
                Relation(
                    name="of",
                    source_kind="item",
                    target_kind="tag",
                    source=three,
                    target=three,
                    weight=np.ones(3),
                ),
            ),
        ),
        print,
    )
    found = cache.load(path, print)
    assert found is not None
    for column in ("source", "target", "weight", "user", "item", "time"):
        np.testing.assert_array_equal(getattr(found.relations[0], column), getattr(tags, column))
    assert found.relations[1].user is found.relations[1].time is None


def test_the_place_of_a_file_does_not_matter(node: dict[str, Any], tmp_path: Path) -> None:
    load(node, tmp_path)
    moved = tmp_path / "moved.csv"
    Path(node["path"]).rename(moved)
    assert any("indexed before" in line for line in load({**node, "path": str(moved)}, tmp_path)[1])


def test_an_older_version_is_said_and_read_again(
    node: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = load(node, tmp_path)
    older = cache.VERSION
    monkeypatch.setattr(cache, "VERSION", older + 1)
    again, said = load(node, tmp_path)
    assert any(f"of another version ({older}, not {older + 1})" in line for line in said)
    same(first, again)
    assert any("indexed before" in line for line in load(node, tmp_path)[1])


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_said_and_read_again(
    node: dict[str, Any], tmp_path: Path, keep: float
) -> None:
    first, _ = load(node, tmp_path)
    (path,) = (tmp_path / "cache" / "indexed").glob("*.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    again, said = load(node, tmp_path)
    assert any("damaged" in line for line in said)
    same(first, again)


def test_a_full_disk_leaves_nothing_half_written(
    node: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: Any, **arrays: Any) -> None:
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    dataset, said = load(node, tmp_path)
    assert len(dataset.interactions) > 0
    assert any("No space left on device" in line for line in said)
    assert list((tmp_path / "cache" / "indexed").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(node: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should be", "utf-8")
    dataset, said = load(node, tmp_path)
    assert len(dataset.interactions) > 0
    assert any("going on without a cache" in line for line in said)
