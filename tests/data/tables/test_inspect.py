"""What ``gnnseg data`` prints."""

import re

import pytest

import gnnseg.data
from gnnseg.data import split as splitting
from gnnseg.data.sets.fetching import Place
from gnnseg.data.sets.registry import SOURCES
from gnnseg.data.tables import inspect
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))


def test_the_list_names_every_set_where_it_comes_from_and_where_it_is(tmp_path):
    place = Place(tmp_path / "data", tmp_path / "cache", print)
    (place.root / "yelp2018").mkdir(parents=True)
    for part in ("train", "test"):
        (place.root / "yelp2018" / f"{part}.txt").write_text("0 1\n")
    text = inspect.list_sets(place)
    assert text.count(" is in ") == 1
    assert f"is in {place.root / 'yelp2018'}" in text
    for name in [*SOURCES, "planted", "file"]:
        assert re.search(rf"^{name} ", text, re.MULTILINE)
    assert "recbole 1.2.1" in text
    assert "files.grouplens.org" in text


def test_check_says_what_is_in_a_file(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        "customer;sku;date\na;x;2024-01-01\na;x;2024-02-01\nb;y;2024-03-01\nc;;2024-03-01\n"
    )
    text = inspect.check(path, {**NONE, "user": "customer"}, on_error="drop")
    for part in (
        "orders.csv: UTF-8, separated by semicolon, 3 columns; user='customer', item='sku', "
        "time='date'",
        "time read as ISO dates and times, taken as UTC",
        "2024-01-01 to 2024-03-01",
        "3 events of 2 users and 2 items; 2 different pairs (50 % of all), 1 repeats",
        "1 × no item (first: orders.csv, line 5: empty)",
        f"gnnseg train {path} --user customer --item sku --time date",
    ):
        assert part in text
    with pytest.raises(InputError, match="no such file"):
        inspect.check(tmp_path / "none.csv", NONE)


def test_check_warns_of_a_single_user(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,x\na,y\n")
    assert "only one user" in inspect.check(path, NONE)


def test_stats_say_what_a_split_holds(tmp_path):
    node = {
        "_target_": "gnnseg.data.sets.planted.Planted", "name": "planted", "min_weight": None,
        "k_core": 0,
        "preset": "easy", "users": 60, "items": 40, "segments": 3, "interactions": 400, "seed": 0,
        "homophily": None, "group_signal": None, "category_signal": None, "noise_columns": 0,
        "image_signal": None,
        "sound_signal": None, "log_events": 0, "logger": 1.0,
    }  # fmt: skip
    dataset = gnnseg.data.load(node, root=tmp_path, cache=tmp_path, say=lambda _: None)
    split = splitting.make(
        dataset,
        {"_target_": "gnnseg.data.split.RandomOverall", "seed": 0, "ratios": [0.8, 0.1, 0.1]},
    )
    text = inspect.stats(split)
    assert f"planted, fingerprint {split.fingerprint[:16]}" in text
    assert f"{len(split.users)} users, {len(split.items)} items" in text
    assert f"train: {len(split.train)} pairs" in text
    assert re.search(r"attributes of users:\n  age  numbers, -?\d+ to \d+  60 known  100 %\n", text)
    assert re.search(
        r"leak: \d+ users \([\d.]+ %\) train on data from after the first test event \(2020-", text
    )
