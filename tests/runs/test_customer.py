"""Who a customer is: against what the folder says, for terminal, notebook and older folders."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.cli.command import main
from gnnseg.runs.run import Run
from gnnseg.types import InputError

OLD = Path(__file__).parent.parent / "golden" / "run"
DAY = 86_400.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A shop of two groups of people, with names and money; Ann comes twice as often."""
    draw = np.random.default_rng(1)
    rows = [
        (f"c{c:02}", f"p{draw.integers(5) + 5 * (c % 2)}", day, 2.5)
        for c in range(24)
        for day in range(0, 40, 4 if c == 0 else 8)
    ]
    orders = pl.DataFrame(rows, schema=["user", "item", "day", "spend"], orient="row")
    orders = orders.with_columns(time=pl.col("day") * DAY + 1.7e9).drop("day")
    people = pl.DataFrame({"id": [f"c{c:02}" for c in range(24)], "name": ["Ann & <b>", *"x" * 23]})
    products = pl.DataFrame(
        {"id": [f"p{j}" for j in range(10)], "name": [f"tea {j}" for j in range(10)]}
    )
    data = gnnseg.interactions(orders, users=people, items=products, time="time", spend="spend")
    settings = [
        "head.segments=2", "trainer.max_epochs=30", "split=random", "data.currency=EUR",
        "evaluation.seen=allow", f"runs.root={tmp_path_factory.mktemp('runs')}",
    ]  # fmt: skip
    return gnnseg.train(data, settings, seed=0)


def test_a_customer_is_what_the_tables_say(run):
    found = run.user("c00")
    row = run.segments().filter(pl.col("user") == "c00").row(0, named=True)
    group = run.groups().filter(pl.col("segment") == row["segment"]).row(0, named=True)
    assert (found.user, found.segment, found.segment_name) == ("c00", row["segment"], group["name"])
    assert found.memberships == {k: row[f"alpha_{k}"] for k in found.memberships}
    assert next(iter(found.memberships)) == row["segment"]
    known = pl.read_parquet(run.path / "customers.parquet").filter(pl.col("user") == "c00")
    assert found.known == known.drop("user").row(0, named=True)
    assert found.days == 30
    assert found.chance == pytest.approx(1 - math.exp(-30 * found.known["pace"]))
    assert found.chance > run.user("c01").chance
    assert found.why.equals(run.explain("c00"))


def test_what_they_took_most_comes_first(run):
    pairs, at = run.stored.pairs, run.stored.users.index("c00")
    events = {}
    for user, item, count in zip(pairs["user"], pairs["item"], pairs["count"]):
        if user == at:
            id = str(run.stored.items.ids[item])
            events[id] = events.get(id, 0) + int(count)
    took = run.user("c00").took
    assert dict(took.select("item", "events").rows()) == events
    assert took["events"].to_list() == sorted(events.values(), reverse=True)


def test_what_is_recommended_is_the_list_with_its_probability(run):
    found = run.user("c00").recommended
    assert found.drop("probability").equals(run.recommend("c00", 5).drop("kind", "id"))
    assert found["probability"].to_list() == [math.exp(score) for score in found["score"]]


def test_text_and_notebook_say_the_same_and_names_are_no_markup(run, capsys):
    found = run.user("c00")
    said = repr(found)
    assert said.startswith(f"user c00: segment {found.segment} (")
    assert "10 events, 10 visits, spend €25.0, last seen 2023-12-20" in said
    assert (
        f"comes again within 30 days: {'>99%' if found.chance > 0.99 else f'{found.chance:.0%}'}"
        in said
    )
    assert f"took most: {found.took['name'][0]} ({found.took['events'][0]})" in said
    assert "what leaving one out makes of alpha" in said
    assert main(["segments", str(run.path), "--user", "c00"]) == 0
    assert capsys.readouterr().out == f"{said}\n"
    html = found._repr_html_()
    assert "10 events, 10 visits, spend €25.0" in html
    assert "<b>" not in html


def test_nobody_is_certain_to_come(run):
    found = run.user("c00")
    assert "comes again within 30 days: >99%" in repr(replace(found, chance=0.9999))
    assert "comes again within 30 days: 1%" in repr(replace(found, chance=0.012))


def test_somebody_not_known_is_one_sentence(run):
    with pytest.raises(InputError, match="user 'c0' is not known"):
        run.user("c0")


def test_a_run_without_segments_still_knows_what_they_took(make_run):
    path, scorer = make_run("dot")
    run = Run(path, scorer)
    found = run.user("u0")
    assert (found.segment, found.why, found.memberships) == (None, None, {})
    assert repr(found).startswith("user u0: a-run has no segments")
    assert "probability" not in found.recommended.columns
    assert found.days is None
    assert "comes again in as long as the data took" in repr(found)


def test_a_folder_of_before_knows_its_people_too():
    run = gnnseg.load(OLD)
    id = str(run.stored.users.ids[3])
    found = run.user(id)
    assert found.known == {}
    assert found.segment == run.segments().filter(pl.col("user") == id)["segment"].item()
    assert "took most: " in repr(found)
