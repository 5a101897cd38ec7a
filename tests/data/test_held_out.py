"""A validation drawn from training: its size, what it depends on, where it is asked for."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnseg.cli import main
from gnnseg.data import held_out
from gnnseg.data.sets import published
from gnnseg.data.sets.fetching import Place
from gnnseg.types import InputError


def events(sizes, tests=1):
    rows = [(f"u{u}", f"i{i}", 0) for u, n in enumerate(sizes) for i in range(n)]
    rows += [(f"u{u}", f"t{i}", 2) for u in range(len(sizes)) for i in range(tests)]
    return pl.DataFrame(
        rows, schema={"user": pl.String, "item": pl.String, "part": pl.Int8}, orient="row"
    )


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.sampled_from([0.05, 0.1, 0.5, 0.9]))
def test_a_share_of_each_users_training_is_validation_and_one_is_left(sizes, share):
    frame = held_out.carve(events(sizes), share)
    assert frame.select("user", "item").equals(events(sizes).select("user", "item"))
    found = Counter(frame.filter(pl.col("part") == 1)["user"])
    for user, n in enumerate(sizes):
        expected = min(round(share * n), n - 1)
        assert abs(found[f"u{user}"] - expected) <= (1 if share * n % 1 == 0.5 else 0)
        assert found[f"u{user}"] < n
    assert (frame.filter(pl.col("item").str.starts_with("t"))["part"] == 2).all()


def test_the_draw_is_of_the_ids_alone_and_repeats_stay_together():
    frame = pl.concat([events([20, 30]), events([20, 30], tests=0)])
    drawn = held_out.carve(frame, 0.2)
    shuffled = held_out.carve(frame.sample(fraction=1, shuffle=True, seed=3), 0.2)
    held = [
        set(f.filter(pl.col("part") == 1).select("user", "item").rows()) for f in (drawn, shuffled)
    ]
    assert held[0] == held[1]
    assert drawn.group_by("user", "item").agg(pl.col("part").n_unique())["part"].max() == 1


@pytest.mark.parametrize(("value", "share"), [
    ("0.1", 0.1), (0.25, 0.25), ("valid.txt", None), (None, None), ("./2", None),
])  # fmt: skip
def test_what_is_a_share(value, share):
    assert held_out.share_of(value) == share


@pytest.mark.parametrize("value", ["1", "0", "2", "-0.1", "nan", 2, 1.0])
def test_a_number_that_is_no_share_is_one_sentence(value):
    with pytest.raises(InputError, match=f"data.valid={value}: is neither a share"):
        held_out.share_of(value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """LightGCN's files: a line a user, some without a test item."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "toy"
    made.mkdir()
    lines = [(u, [(7 * u + 3 * i) % 40 for i in range(9 + u % 7)]) for u in range(60)]
    train = [f"{u} {' '.join(map(str, items[:-3]))}\n" for u, items in lines]
    test = [f"{u} {' '.join(map(str, items[-3:]))}\n" if u % 9 else f"{u} \n" for u, items in lines]
    (made / "train.txt").write_text("".join(train))
    (made / "test.txt").write_text("".join(test))
    return made


QUICK = ["trainer.max_epochs=1", "head.segments=2", "encoder.dim=4", "threads=1"]


def test_a_folder_of_lightgcn_is_read_in_one_line(folder, capsys):
    assert main(["train", "./toy", *QUICK]) == 0
    said = capsys.readouterr()
    assert "validation: 10% of each user's training pairs, drawn" in said.out + said.err
    saved = (folder.parent / "toy.yaml").read_text()
    assert "train: toy/train.txt" in saved
    assert "valid: 0.1" in saved
    assert main(["data", "check", "./toy"]) == 0
    assert "gnnseg train toy/train.txt --valid 0.1 --test toy/test.txt" in capsys.readouterr().out


def test_its_own_validation_is_taken_where_there_is_one(folder, capsys):
    (folder / "valid.txt").write_text("0 1 2\n3 5\n")
    assert main(["data", "check", "./toy"]) == 0
    assert "3 valid" in (said := capsys.readouterr().out)
    assert "--valid toy/valid.txt" in said


@pytest.mark.parametrize(("change", "said"), [
    (lambda f: (f / "test.txt").unlink(), "without train.* and test.*"),
    (lambda f: (f / "train.csv").write_text("user,item\n"), "holds train.csv and train.txt"),
])  # fmt: skip
def test_a_folder_that_is_no_split_is_one_sentence(folder, capsys, change, said):
    change(folder)
    assert main(["train", "./toy", *QUICK]) == 2
    assert said in capsys.readouterr().err


def test_yelp2018_is_read_with_a_drawn_validation(folder, monkeypatch, tmp_path):
    named = folder.rename(tmp_path / "yelp2018")
    train, test = (
        sum(len(line.split()) - 1 for line in (named / f"{part}.txt").read_text().splitlines())
        for part in ("train", "test")
    )
    monkeypatch.setitem(published.SIZES, "yelp2018", (train, test))
    place = Place(tmp_path, tmp_path / "cache", lambda line: None)
    raw = published.Yelp2018().read(place, "yelp2018")
    parts = Counter(raw.events["part"])
    assert parts[0] + parts[1] == train
    assert parts[2] == test
    assert 0.05 * train < parts[1] < 0.15 * train
    monkeypatch.setitem(published.SIZES, "yelp2018", (train + 1, test))
    with pytest.raises(InputError, match="another version"):
        published.Yelp2018().read(place, "yelp2018")
    with pytest.raises(InputError, match="data.valid"):
        published.AmazonBook(valid=1.5)
