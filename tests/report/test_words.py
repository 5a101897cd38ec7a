"""Segments in words: what is named, how strongly, and what is not."""

import polars as pl
import pytest

from gnnseg.report import page, tables, words
from gnnseg.runs import schema
from gnnseg.runs.run import Run

SCHEMA = {
    "segment": pl.Int64, "rank": pl.Int64, "attribute": pl.String, "mean": pl.Float64,
    "base": pl.Float64,
    "difference": pl.Float64, "support": pl.Float64,
}  # fmt: skip


def put(folder, rows):
    """rows: (segment, attribute, mean, base, difference[, support]), ranked as they stand."""
    rank, table = {}, []
    for segment, attribute, mean, base, difference, *support in rows:
        rank[segment] = rank.get(segment, 0) + 1
        table.append(
            (segment, rank[segment], attribute, mean, base, difference, *(support or [400.0]))
        )
    pl.DataFrame(table, schema=SCHEMA, orient="row").write_parquet(folder / "profiles.parquet")
    return folder


def test_what_is_named_and_how(tmp_path):
    put(tmp_path, [
        (1, "spend level", 1.1, 0.1, 0.9),
        (1, "frequency", 0.8, 0.1, 0.7),
        (1, "age=45-54", 0.62, 0.21, 0.6),
        (1, "age=65+", 0.01, 0.2, -0.5),
        (1, "household_size=2", 0.4, 0.25, 0.3),
        (1, "share of brand=National", -0.2, 0.0, -0.25),
        (1, "income high", 0.1, 0.0, 0.19),
        (2, "age=65+", 0.05, 0.3, -0.4),
        (2, "age unknown", 0.9, 0.7, 0.35),
        (2, "income unknown", 0.9, 0.7, 0.35),
        (2, "recency", 0.9, 0.7, 0.3),
        (3, "age=65+", 0.2, 0.2, 0.01),
    ])  # fmt: skip
    assert words.segments(tmp_path) == {
        1: "spend level high (+0.9 sd), buys often (+0.7 sd), age 45-54 (62% against 21%), "
        "household size 2 (40% against 25%), less brand National (−0.2 sd)",
        2: "rarely age 65+ (5.0% against 30%), age and 1 more unknown (90% against 70%), "
        "not seen for long (+0.3 sd)",
        3: words.NOTHING,
    }


def test_few_people_prove_nothing(tmp_path):
    put(
        tmp_path,
        [
            (1, "age", 0.5, 0.0, 0.5, 35.0),
            (2, "age", 0.5, 0.0, 0.5, 37.0),
            (2, "frequency", 1, 0, 0.4, 400.0),
            (2, "log interval", 1, 0, 0.3, 400.0),
        ],
    )
    assert words.segments(tmp_path) == {
        1: words.NOTHING,
        2: "age high (+0.5 sd), often active (+0.4 sd), long pauses between visits (+0.3 sd)",
    }


def test_nothing_known_nothing_said(tmp_path):
    assert words.segments(tmp_path) == {}
    assert words.weights(tmp_path, "user", 5).is_empty()


def attributes(path, evil="age=45-54"):
    frame = pl.DataFrame(
        {
            "kind": ["user", "user", "user", "item"],
            "attribute": [evil, "frequency", "faint", "price"],
            "deviation": [0.5, 1.0, 0.1, 1.0],
            "weight": [[0.1, 0.2]] * 4,
            "segment_1": [0.8, -0.3, 1.0, 0.2],
            "segment_2": [-0.4, 0.1, -0.5, -0.1],
            "segment_3": [-0.4, 0.2, -0.5, -0.1],
        },
        schema_overrides={
            "deviation": pl.Float32, "weight": pl.List(pl.Float32),
            **{f"segment_{k}": pl.Float32 for k in (1, 2, 3)},
        },
    )  # fmt: skip
    frame.write_parquet(path / "attributes.parquet")


def test_weights_rank_by_what_a_standard_deviation_does(make_run):
    path, _ = make_run()
    attributes(path)
    found = words.weights(path, "user", 2)
    assert found["attribute"].to_list() == ["age=45-54", "frequency"]
    assert found["segment_1"].to_list() == pytest.approx([0.4, -0.3])
    assert words.weights(path, "item", 9)["attribute"].to_list() == ["price"]


def test_on_the_page_on_the_terminal_and_from_python(make_run):
    path, scorer = make_run()
    evil = "<img>=45"
    put(
        path,
        [
            (1, evil, 0.62, 0.21, 0.6),
            (2, "frequency", 1.0, 0.0, -0.3),
            (3, "frequency", 0.0, 0.0, 0.0),
        ],
    )
    attributes(path, evil)
    text = page.render(path, people=True)
    assert "<img" not in text
    assert "&lt;img&gt; 45 (62% against 21%)" in text
    assert "seldom active (−0.3 sd)" in text
    assert words.NOTHING in text
    assert "Weights by attribute" in text
    assert ">+0.40</td>" in text
    said = tables.segments(path)
    assert "who they are (against everyone)" in said
    assert "2: seldom active (−0.3 sd)" in said
    assert f"  3: {words.NOTHING}" in said
    put(path, [(k, "frequency", 0.0, 0.0, 0.0) for k in (1, 2, 3)])
    assert f"  1, 2, 3: {words.NOTHING}" in tables.segments(path)
    put(
        path,
        [
            (1, evil, 0.62, 0.21, 0.6),
            (2, "frequency", 1.0, 0.0, -0.3),
            (3, "frequency", 0.0, 0.0, 0.0),
        ],
    )
    assert "price" in tables.weights(path)
    assert Run(path, scorer).profiles()["segment"].to_list() == [1, 2, 3]
    assert len(Run(path, scorer).attributes()) == 4
    (path / "report.html").touch()
    assert schema.check(path) == []
    pl.read_parquet(path / "attributes.parquet").drop("segment_2").write_parquet(
        path / "attributes.parquet"
    )
    problems = schema.check(path)
    assert problems == [
        f"attributes.parquet: column segment_{k} is {how}"
        for k, how in ((2, "missing"), (3, "not known"))
    ]


def test_without_attributes_the_page_says_nothing_of_them(make_run):
    path, _ = make_run()
    assert "Weights by attribute" not in page.render(path)
    assert "who they are" not in tables.segments(path)
    assert tables.weights(path) == ""


@pytest.mark.parametrize(
    ("attribute", "difference", "said"),
    [
        ("age=45-54", 0.5, "age 45-54"),
        ("age=45-54", -0.5, ""),
        ("age=45-54", 0.1, ""),
        ("log frequency", 0.5, "often active"),
        ("recency", -0.5, "seen lately"),
        ("home_size", 0.5, "high home size"),
        ("share of genre=Drama", 0.5, "genre Drama"),
        ("age unknown", 0.5, ""),
    ],
)
def test_a_row_in_a_word_or_two(attribute, difference, said):
    row = {"attribute": attribute, "difference": difference, "support": 400.0}
    assert words.short(row) == said
    assert words.short({**row, "support": 4.0}) == ""
