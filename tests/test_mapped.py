"""Large arrays in files: the same numbers and the same run as in memory, and no file left."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnseg import config, mapped
from gnnseg.data import cache, customers, merging, visits
from gnnseg.runs import environment
from gnnseg.runs import train as pipeline
from gnnseg.types import Dataset, IdMap, InputError, Interactions

SMALL = [
    "data=planted", "data.users=60", "data.items=40", "data.interactions=600", "data.segments=3",
    "head.segments=3", "encoder.dim=4", "device=cpu", "threads=1", "trainer.max_epochs=4",
    "trainer.eval_every=2",
]  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Every array is large, and seven rows are a block."""
    monkeypatch.setattr(mapped, "LEAST", 1)
    monkeypatch.setattr(mapped, "BLOCK", 7)


def events(rows: int = 200, seed: int = 0) -> Interactions:
    g = np.random.default_rng(seed)
    user = np.sort(g.choice(np.array([0, 1, 2, 3, 5, 9]), rows, p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]))
    item, time = g.integers(0, 12, rows), g.integers(0, 30, rows).astype(float)
    order = np.lexsort((time, item, user))
    spend = g.integers(1, 9, rows) / 4
    return Interactions(
        user[order], item[order], time=time[order], spend=spend, weight=g.integers(1, 5, rows) / 2
    )


def is_file(values) -> bool:
    base = values
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)


def test_in_a_file_are_the_same_numbers_and_its_name_is_gone(small, tmp_path):
    array, tensor = np.arange(50) ** 2, torch.arange(50).float()
    with mapped.in_files(tmp_path / "arrays"):
        found, of_torch = mapped.kept(array), mapped.kept(tensor)
        assert is_file(found)
        assert mapped.kept(found) is found
        assert list((tmp_path / "arrays").iterdir()) == []
    assert found.tolist() == array.tolist()
    assert torch.equal(of_torch, tensor)
    assert of_torch.data_ptr() != tensor.data_ptr()
    assert mapped.kept(array) is array  # not any more
    names = np.array(["a", None], dtype=object)
    with mapped.in_files(tmp_path):
        assert mapped.kept(names) is names


def test_what_is_small_stays_in_memory(tmp_path):
    few = np.arange(10)
    with mapped.in_files(tmp_path):
        assert mapped.kept(few) is few
        assert not is_file(mapped.empty(10, np.int64))
        assert is_file(mapped.empty(mapped.LEAST, np.int64))


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 9))
def test_blocks_follow_one_another_and_keep_equal_keys_together(keys, size):
    key = np.sort(np.array(keys, dtype=np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "BLOCK", size)
        apart, together = list(mapped.blocks(len(key))), list(mapped.blocks(len(key), key))
    for parts in (apart, together):
        rows = [n for part in parts for n in range(part.start, part.stop)]
        assert rows == list(range(len(key)))
    assert all(part.stop - part.start <= size for part in apart)
    for part in together:
        assert part.stop == len(key) or key[part.stop - 1] != key[part.stop]
        assert part.stop - part.start <= size or len({*key[part].tolist()}) == 1


def test_rows_are_taken_by_mask_number_and_slice(small, tmp_path):
    values, mask = np.arange(40) * 3, np.arange(40) % 3 == 1
    number = np.array([5, 0, 39, 5])
    with mapped.in_files(tmp_path):
        for rows in (mask, number, slice(3, 9)):
            assert mapped.taken(values, rows).tolist() == values[rows].tolist()


@pytest.mark.parametrize("repeats", [True, False])
def test_merged_by_some_users_at_a_time_is_merged_at_once(small, tmp_path, repeats):
    e = events()
    if not repeats:
        first = np.unique(e.user * 12 + e.item, return_index=True)[1]
        e = e.rows(np.sort(first))
    with mapped.in_files(tmp_path):
        found = merging.merge(e, 12)
    share = visits.shares_of(e)
    slow: dict[tuple[int, int], list[float]] = {}
    for row, (u, i) in enumerate(zip(e.user.tolist(), e.item.tolist(), strict=True)):
        mine = slow.setdefault((u, i), [0, 0, 0, 0, np.inf, -np.inf])
        mine[0] += e.weight[row]
        mine[1] += 1
        mine[2] += e.spend[row]
        mine[3] += share[row]
        mine[4], mine[5] = min(mine[4], e.time[row]), max(mine[5], e.time[row])
    names = ("user", "item", "weight", "count", "spend", "visits", "first", "last")
    rows = list(zip(*(getattr(found, n).tolist() for n in names), strict=True))
    assert rows == [(u, i, *slow[u, i]) for u, i in sorted(slow)]
    assert found.count.dtype == np.int64


def test_parts_joined_and_their_pairs_are_those_of_all_events(small, tmp_path):
    e = events()
    half = np.random.default_rng(1).random(len(e)) < 0.4
    a, b, whole = (merging.merge(each, 12) for each in (e.rows(half), e.rows(~half), e))
    with mapped.in_files(tmp_path):
        joined = merging.join(a, b, 12)
        user, item = merging.distinct([a, b], 12)
        alone = merging.distinct([a], 12)
    for name in ("user", "item", "weight", "count", "spend", "first", "last"):
        assert getattr(joined, name).tolist() == getattr(whole, name).tolist()
    assert (user.tolist(), item.tolist()) == (whole.user.tolist(), whole.item.tolist())
    assert alone[0] is a.user


def test_what_customers_did_does_not_depend_on_blocks(monkeypatch):
    e = events()
    at_once = customers.of(e, 11)
    monkeypatch.setattr(mapped, "BLOCK", 7)
    by_blocks = customers.of(e, 11)
    order = np.random.default_rng(2).permutation(len(e))
    for name in ("events", "visits", "spend", "first", "last", "recent", "former", "pace"):
        wanted = getattr(at_once, name)
        np.testing.assert_array_equal(getattr(by_blocks, name), wanted)
        np.testing.assert_allclose(getattr(customers.of(e.rows(order), 11), name), wanted)
    late = (e.time > e.time.max() - 29 / 4) & (e.user == 0)
    assert at_once.recent[0] == pytest.approx(e.spend[late].sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["evaluation.protocol=paper", "objective=bpr", "trainer.batch_size=100"],
        ["encoder=sage", "encoder.neighbours=[3,2]", "objective=bpr", "trainer.batch_size=100"],
    ],
    ids=["full batch", "paper, batches", "sampled neighbours"],
)
def test_a_run_is_the_same_from_files_and_from_memory(small, tmp_path, overrides):
    def run(mapped_: bool):
        words = [*SMALL, *overrides, f"cache.mapped={str(mapped_).lower()}"]
        root = tmp_path / str(mapped_)
        composed = config.compose([*words, f"runs.root={root}", f"cache.root={tmp_path / 'cache'}"])
        config.check(composed)
        return pipeline.train(composed, say=lambda line: None, progress=False).path

    in_memory, in_files = run(False), run(True)
    assert in_memory.name == in_files.name  # where arrays lie is no part of what a run is
    for name in ("scores.safetensors", "model.safetensors", "segments.parquet", "seen.npz"):
        assert (in_memory / name).read_bytes() == (in_files / name).read_bytes()
    assert list((tmp_path / "cache" / "arrays").iterdir()) == []


def test_a_full_disk_is_told_in_a_sentence(small, tmp_path, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    composed = config.compose([*SMALL, "cache.mapped=true", f"cache.root={tmp_path}"])
    with pytest.raises(InputError, match=r"arrays: cannot hold .* No space left .* cache\.root"):
        with environment.arrays(composed):
            mapped.kept(np.arange(9))


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path):
    (tmp_path / "arrays").write_text("a file")
    composed = config.compose([*SMALL, "cache.mapped=true", f"cache.root={tmp_path}"])
    with pytest.raises(InputError, match=r"arrays: cannot hold .* File exists"):
        pipeline.train(composed, say=lambda line: None)


def test_a_full_disk_is_no_damaged_cache(small, tmp_path, monkeypatch):
    """What reads the cache takes every OSError for damage."""
    drawn = Interactions(np.arange(9), np.arange(9))
    ids = IdMap(np.array([f"{n}" for n in range(9)], dtype=object))
    said: list[str] = []
    cache.save(
        tmp_path / "set.npz",
        Dataset(name="set", users=ids, items=ids, interactions=drawn),
        said.append,
    )
    assert cache.load(tmp_path / "set.npz", said.append) is not None

    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with mapped.in_files(tmp_path / "arrays"), pytest.raises(mapped.FilesError):
        cache.load(tmp_path / "set.npz", said.append)
    assert said == []


@pytest.mark.parametrize("in_files", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 8 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate"),
    ],
    ids=["numpy", "torch"],
)
def test_too_little_memory_is_told_in_a_sentence(tmp_path, error, in_files):
    composed = config.compose(
        [*SMALL, f"cache.mapped={str(in_files).lower()}", f"cache.root={tmp_path}"]
    )
    wanted = "use fewer segments" if in_files else "set cache.mapped=true"
    with pytest.raises(InputError, match=rf"memory: not enough .* {wanted}"):
        with environment.arrays(composed):
            raise error
    with pytest.raises(RuntimeError, match="another"), environment.arrays(composed):
        raise RuntimeError("another")


def test_a_setting_that_is_neither_is_refused():
    composed = config.compose(SMALL)
    with pytest.raises(InputError, match=r"cache\.mapped='sometimes'"):
        config.check({**composed, "cache": {**composed["cache"], "mapped": "sometimes"}})


def test_events_without_times_merge_too(small, tmp_path):
    e = replace(events(), time=None, weight=None)
    with mapped.in_files(tmp_path):
        found = merging.merge(e, 12)
    assert found.first is None
    assert found.visits is None
    assert found.weight.tolist() == found.count.tolist()
    assert int(found.count.sum()) == len(e)
