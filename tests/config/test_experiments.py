"""Every worked example from one command to its page, on small files in the formats of its set."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from gnnseg import config
from gnnseg.report import tables, words
from gnnseg.runs import loading, schema
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run

QUICK = ["trainer.max_epochs=2", "trainer.eval_every=2", "threads=1"]
USERS, ITEMS = 60, 24


def taken(each: int = 14) -> list[tuple[int, int]]:
    """Users of two kinds, who take their own half of the items four times in five."""
    g, found = np.random.default_rng(0), []
    for user in range(USERS):
        own, other = np.arange(ITEMS) % 2 == user % 2, np.arange(ITEMS) % 2 != user % 2
        chance = (own * 4 + other) / (own * 4 + other).sum()
        found += [(user, int(item)) for item in g.choice(ITEMS, each, replace=False, p=chance)]
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data.root with a small completejourney, ml-100k and lastfm-2k."""
    root = tmp_path_factory.mktemp("sets")
    _shop(root / "completejourney")
    _films(root / "ml-100k")
    _music(root / "lastfm-2k")
    return root


def _shop(folder: Path) -> None:
    g, pairs = np.random.default_rng(1), taken()
    bought = [(user, item, g.integers(1, 4)) for user, item in pairs for _ in range(2)]
    start = dt.datetime(2017, 1, 1)
    tables_: dict[str, dict[str, list[Any]]] = {
        "transactions": {
            "household_id": [user for user, _, _ in bought],
            "product_id": [100 + item for _, item, _ in bought],
            "quantity": [float(count) for _, _, count in bought],
            "sales_value": [float(count * (1 + item % 5)) for _, item, count in bought],
            "transaction_timestamp": [
                start + dt.timedelta(hours=int(h)) for h in g.integers(0, 8000, len(bought))
            ],
        },
        "products": {
            "product_id": [100 + item for item in range(ITEMS)],
            "manufacturer_id": [item % 3 for item in range(ITEMS)],
            "department": ["GROCERY" if item % 2 else "PRODUCE" for item in range(ITEMS)],
            "brand": ["Private" if item % 4 == 0 else "National" for item in range(ITEMS)],
            "product_category": [f"CATEGORY {item // 4}" for item in range(ITEMS)],
            "product_type": [f"KIND {item}" for item in range(ITEMS)],
            "package_size": ["1 LB"] * ITEMS,
        },
        "demographics": {
            "household_id": [*range(0, USERS, 2), 1, 3, 5],
            "age": ["45-54", "65+"] * 15 + ["45-54"] * 3,
            "household_size": ["2"] * 20 + ["1"] * 13,
        },
    }
    folder.mkdir()
    for name, columns in tables_.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")


def _films(folder: Path) -> None:
    folder.mkdir()
    flags = [
        "|".join("1" if at == 5 + item % 2 * 6 else "0" for at in range(19))
        for item in range(ITEMS)
    ]
    lines = {
        "u.data": [
            f"{user + 1}\t{item + 1}\t{1 + item % 5}\t{881250000 + user}" for user, item in taken()
        ],
        "u.user": [
            f"{user + 1}|{20 + user % 2 * 20 + user % 7}|{'MF'[user % 2]}|artist|12345"
            for user in range(USERS)
        ],
        "u.item": [
            f"{item + 1}|Film {item} (1995)|01-Jan-1995||x|{flags[item]}" for item in range(ITEMS)
        ],
    }
    for name, text in lines.items():
        (folder / name).write_text("\n".join(text) + "\n", "latin-1")


def _music(folder: Path) -> None:
    folder.mkdir()
    g = np.random.default_rng(2)
    friends = [
        (user, (user + 2 * int(g.integers(1, 9))) % USERS)
        for user in range(USERS)
        for _ in range(2)
    ]
    both = sorted({pair for a, b in friends if a != b for pair in ((a, b), (b, a))})
    lines = {
        "user_artists.dat": [
            "userID\tartistID\tweight",
            *(f"{u}\t{i}\t{1 + (u * i) % 50}" for u, i in taken()),
        ],
        "artists.dat": [
            "id\tname\turl\tpictureURL",
            *(f"{item}\tBand {item}\tx\tx" for item in range(ITEMS)),
        ],
        "user_friends.dat": ["userID\tfriendID", *(f"{a}\t{b}" for a, b in both)],
        "tags.dat": ["tagID\ttagValue", "1\trock", "2\tpop"],
        "user_taggedartists.dat": [
            "userID\tartistID\ttagID\tday\tmonth\tyear",
            *(f"{item % USERS}\t{item}\t{1 + item % 2}\t1\t4\t2009" for item in range(ITEMS)),
        ],
    }
    for name, text in lines.items():
        (folder / name).write_text("\n".join(text) + "\n", "latin-1")


def train(root: Path, runs: Path, name: str, *overrides: str) -> Run:
    composed = config.compose(
        [
            f"experiment={name}",
            f"data.root={root}",
            f"runs.root={runs}",
            f"cache.root={runs}/cache",
            *QUICK,
            *overrides,
        ]
    )
    config.check(composed)
    return Run.load(pipeline.train(composed, say=lambda line: None, progress=False).path)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("shop", "KIND "),
        ("shop_dnn", "KIND "),
        ("film", "Film "),
        ("music", "Band "),
        ("social", "Band "),
    ],
)
@pytest.mark.slow
def test_one_command_gives_page_words_and_lists(
    root: Path, tmp_path: Path, name: str, called: str
) -> None:
    run = train(root, tmp_path, name, "report.people=true")  # and so its small segments too
    assert schema.check(run.path) == []
    segments = len(run.groups())
    page = (run.path / "report.html").read_text("utf-8")
    assert called in page
    said = words.segments(run.path)
    assert sorted(said) == list(range(1, segments + 1))
    assert all(
        sentence in page
        for sentence in said.values()
        if "&" not in sentence and "<" not in sentence
    )
    assert run.profiles()["segment"].unique().sort().to_list() == sorted(said)
    assert "who they are" in tables.segments(run.path)
    assert run.recommend_segment(1, 3)["name"].str.starts_with(called).all()
    assert ("Weights by attribute" in page) == (name == "shop")
    assert (run.path / "attributes.parquet").exists() == (name == "shop")


def test_the_published_network_answers_from_its_folder(root: Path, tmp_path: Path) -> None:
    """Ranking, segments, explanations and new users, none of them trained again."""
    run = train(root, tmp_path, "shop_dnn")
    assert {"test/accuracy/neg1", "test/auc/neg1"} <= set(run.metrics)
    scorer: Any = loading.scorer_of(run.path)
    np.testing.assert_allclose(scorer.alpha.numpy(), run.alpha, rtol=1e-5, atol=1e-6)
    why = run.explain("3", "KIND 7")
    parts = {row["part"]: row["value"] for row in why.iter_rows(named=True)}
    assert parts["segments"] + parts["personal"] == pytest.approx(parts["score"], abs=1e-5)
    assert sum(parts[f"segment {k}"] for k in (1, 2, 3)) == pytest.approx(1, abs=1e-5)
    assigned = run.assign({"new": ["KIND 1", "KIND 3", "KIND 5"], "other": ["KIND 2", "KIND 4"]})
    assert assigned.columns == ["user", "segment", "reason", "alpha_1", "alpha_2", "alpha_3"]
    group = torch.tensor(run.groups()["group"].to_list())
    assert group.shape == (3, 32)  # centroids of the vectors that the segments were made on


def test_weights_by_attribute_are_those_of_the_model(root: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run = train(root, tmp_path, "shop")
    stored = load_file(run.path / "model.safetensors")
    frame = run.attributes()
    for kind, key in (("user", "head.user_KD"), ("item", "head.item_KD")):
        rows = frame.filter(pl.col("kind") == kind)
        weight = torch.tensor(rows["weight"].to_list())
        torch.testing.assert_close(weight, stored[f"encoder.{kind}.weight"].T)
        centres = [c / c.norm() for c in stored[key]]
        mean = sum(centres) / len(centres)
        for k, c in enumerate(centres):
            pulls = [float(w @ (c - mean)) for w in weight]
            np.testing.assert_allclose(rows[f"segment_{k + 1}"], pulls, rtol=1e-3, atol=1e-5)


def test_nothing_to_train_is_one_sentence(root: Path, tmp_path: Path) -> None:
    from gnnseg.types import InputError

    composed = config.compose(
        [
            "data=ml-100k",
            f"data.root={root}",
            f"runs.root={tmp_path}",
            "encoder=raw",
            "head=dot",
            "head.similarity=dot",
        ]
    )
    with pytest.raises(InputError, match="encoder=raw with head=dot: there is nothing to train"):
        pipeline.train(composed, say=lambda line: None)
