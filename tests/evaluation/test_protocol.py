"""Who is asked about what: masks, seen pairs, cold users, by hand-made splits."""

import numpy as np
import pytest
import torch

from gnnseg.data.merging import join
from gnnseg.evaluation.protocol import Protocol
from gnnseg.types import IdMap, InputError, Pairs, Split


def pairs(*given: tuple[int, int], spend: bool = False) -> Pairs:
    given = tuple(sorted(given))
    user, item = np.array([u for u, _ in given]), np.array([i for _, i in given])
    one = np.ones(len(given))
    return Pairs(
        user,
        item,
        one * 2,
        one.astype(np.int64),
        first=one * user,
        last=one * item,
        spend=one * 3 if spend else None,
    )


def split(**options: bool) -> Split:
    users, items = (IdMap(np.array([f"{k}{n}" for n in range(5)], dtype=object)) for k in "ui")
    train = pairs((0, 0), (0, 1), (1, 1), (2, 2), **options)
    valid = pairs((0, 2), (1, 0), **options)
    test = pairs((0, 2), (0, 3), (1, 1), (3, 0), (2, 4), **options)
    return Split(name="hand", users=users, items=items, train=train, valid=valid, test=test)


def asked(
    protocol: str, seen: str = "mask", part: str = "test"
) -> tuple[set[tuple[int, int]], set[tuple[int, int]] | None]:
    p = Protocol(protocol=protocol, seen=seen, ks=[2])  # type: ignore[arg-type]
    task = p.test_task(split()) if part == "test" else p.valid_task(split())
    relevant = set(zip(task.relevant.row.tolist(), task.relevant.column.tolist(), strict=True))
    mask = (
        None
        if task.mask is None
        else set(zip(task.mask.row.tolist(), task.mask.column.tolist(), strict=True))
    )
    return relevant, mask


TRAIN, VALID = {(0, 0), (0, 1), (1, 1), (2, 2)}, {(0, 2), (1, 0)}


def test_clean_masks_train_and_valid_and_takes_masked_pairs_out() -> None:
    relevant, mask = asked("clean")
    assert mask == TRAIN | VALID
    assert relevant == {
        (0, 3),
        (3, 0),
        (2, 4),
    }  # (0,2) was in validation, (1,1) in train: user 1 has nothing left
    assert asked("clean", part="valid") == (VALID, TRAIN)


def test_train_mask_and_paper_and_allow() -> None:
    assert asked("train-mask") == ({(0, 2), (0, 3), (3, 0), (2, 4)}, TRAIN)
    assert asked("paper") == asked("paper", part="valid") == asked("clean")
    assert asked("clean", "allow") == ({(0, 2), (0, 3), (1, 1), (3, 0), (2, 4)}, None)


def test_counts_and_cold_users() -> None:
    task = Protocol(protocol="clean", seen="mask", ks=[2]).test_task(split())
    assert task.cold.tolist() == [False, False, False, True, True]
    assert task.counts["pairs seen before"] == 2
    assert task.counts["users with every item seen before"] == 1
    assert task.counts["pairs of items unseen in train"] == 2  # items 3 and 4
    assert task.spend is None
    with_spend = Protocol(protocol="clean", seen="mask", ks=[2]).test_task(split(spend=True))
    assert with_spend.spend is not None
    assert with_spend.spend.tolist() == [3, 3, 3]


def test_paper_fits_on_train_and_valid_merged() -> None:
    both = Protocol(protocol="paper", seen="mask", ks=[2]).training_pairs(split())
    assert set(zip(both.user.tolist(), both.item.tolist(), strict=True)) == TRAIN | VALID
    merged = join(pairs((0, 0), (1, 1)), pairs((0, 0), (2, 2)), 5)
    assert merged.user.tolist() == [0, 1, 2]
    assert merged.weight.tolist() == [4, 2, 2]
    assert merged.count.tolist() == [2, 1, 1]


def test_nothing_to_ask_is_one_sentence() -> None:
    same = split()
    with pytest.raises(InputError, match="evaluation.seen=allow"):
        Protocol(protocol="clean", seen="mask", ks=[2]).test_task(
            Split(
                name="s",
                users=same.users,
                items=same.items,
                train=same.train,
                valid=same.valid,
                test=same.train,
            )
        )
    with pytest.raises(InputError, match="evaluation.ks"):
        Protocol(protocol="clean", seen="mask", ks=[0])


def test_so_many_users_are_asked_the_same_ones_each_time() -> None:
    g = np.random.default_rng(0)
    key = g.permutation(40 * 30)[:900]
    three = (pairs(*zip(part // 30, part % 30, strict=True)) for part in np.split(key, 3))
    names = ("train", "valid", "test")
    ids = {"users": IdMap(np.arange(40).astype(str).astype(object)),
           "items": IdMap(np.arange(30).astype(str).astype(object))}  # fmt: skip
    whole = Split(name="s", **ids, **dict(zip(names, three, strict=True)))
    rules = {"protocol": "clean", "seen": "mask", "ks": [2]}
    everybody = Protocol(**rules).test_task(whole)
    few = Protocol(**rules, users=12).test_task(whole)
    asked = few.relevant.degrees()[0].nonzero().squeeze(1)
    assert len(asked) == 12
    assert torch.equal(few.relevant.degrees()[0][asked], everybody.relevant.degrees()[0][asked])
    assert few.counts["pairs"] + few.counts["pairs of users not drawn"] == 300
    again = Protocol(**rules, users=12).test_task(whole)
    assert torch.equal(few.relevant.column, again.relevant.column)
    assert torch.equal(few.relevant.row, again.relevant.row)
    all_of_them = Protocol(**rules, users=1000).test_task(whole)
    assert torch.equal(all_of_them.relevant.column, everybody.relevant.column)
    with pytest.raises(InputError, match=r"evaluation\.users=0: ask at least 1 user"):
        Protocol(**rules, users=0)

    fewer = Protocol(**rules, users=12).asking(5)
    assert set(fewer.test_task(whole).relevant.row.tolist()) < set(few.relevant.row.tolist())
    assert [Protocol(**rules, users=n).asking(5).users for n in (None, 12, 5, 3)] == [5, 5, 5, 3]
    assert [Protocol(**rules, users=n).asking(None).users for n in (None, 3)] == [None, 3]
