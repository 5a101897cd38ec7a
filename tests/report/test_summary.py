"""The table of segments in the terminal and the notebook: one table, money with its currency."""

import polars as pl
import pytest

from gnnseg.report import amounts, changes, notebook, summary, tables
from gnnseg.runs import schema
from gnnseg.runs import summary as made
from gnnseg.runs.folder import RunFolder


@pytest.fixture
def folder(make_run):
    path, _ = make_run()
    made.write(path)
    rows = {
        "segment": [1, 2, 3],
        "id": ["seg-aaaaaa", "seg-bbbbbb", "seg-cccccc"],
        "name": ["Wine, cheese", "<b>Night owls</b>", "segment 3"],
        "made": [True, False, True],
        "people": [1455, 503, 493],
        "share": [0.594, 0.205, 0.201],
        "alpha_share": [0.5, 0.3, 0.2],
        "revenue": [2_612_912.0, 950_790.0, 1_030_533.0],
        "revenue_share": [0.569, 0.207, 0.224],
        "spend_head": [1795.8, 1890.2, 2090.3],
        "visits_head": [62.6, 68.0, 61.0],
        "days_since": [5.4, 7.5, 5.3],
        "trend": [0.023, -0.2, None],
        "telling": [["WINE", "CHEESE"], ["BEER"], []],
        "verdict": [None] * 3,
        "sure": [None] * 3,
        "change": [12, -3, None],
    }
    frame = pl.DataFrame(rows, schema=schema.types("summary.parquet"))
    frame.write_parquet(path / "summary.parquet")
    pl.DataFrame(rows).select(
        "segment", "id", "name", size="people", share="alpha_share"
    ).write_parquet(path / "groups.parquet")
    record = RunFolder(path).read_json()
    RunFolder(path).write_json({**record, "data": {**record["data"], "currency": "EUR"}})
    return path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2_612_912, "2.61M"), (950_790, "951k"), (12_345, "12,345"), (99_999, "99,999"),
        (100_000, "100k"), (999_999, "1.00M"), (62.64, "62.6"), (0.5, "0.50"), (-5, "−5.00"),
        (26_129_120, "26.1M"), (261_291_200, "261M"), (999_999_999, "1.00bn"), (3e9, "3.00bn"),
        (0, "0.00"),
    ],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert amounts.short(value) == text
    assert amounts.money(value, "CHF") == f"{text} CHF"


def test_what_is_not_known_is_a_dash():
    assert amounts.figure(None) == amounts.figure(float("nan")) == amounts.percent(None) == "–"
    assert amounts.trend(0.001) == amounts.trend(-0.001) == "0%"
    assert amounts.trend(-0.2) == "−20%"


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_it_fits_the_terminal_and_says_all(folder, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = summary.text(folder, "EUR")
    assert max(map(len, text.splitlines())) <= width
    for said in ("revenue (EUR)", "2.61M (57%)", "1,455 (59%)", "−20%", "+12", "−3", "new", "BEER"):
        assert said in text
    assert "verdict" not in text
    assert "sure" not in text


def test_the_command_shows_one_size_and_details_below(folder):
    text = tables.segments(folder)
    above, below = text.split("details")
    assert "1,455" in above
    assert "seg-aaaaaa" not in above
    assert "1455" not in below
    assert "share of alpha" in below
    assert "seg-aaaaaa" in below


def test_the_notebook_shows_the_same_cells_and_escapes_names(folder):
    html = notebook.cell(folder)
    assert html.index("Wine, cheese") < html.index("ndcg@20")
    assert "<b>Night owls" not in html
    assert "&lt;b&gt;Night owls" in html
    frame = summary.read(folder)
    for column in summary.columns(frame, "EUR"):
        for row in frame.to_dicts():
            assert notebook.escape(column.cell(row)) in html


def test_moves_call_segments_by_their_names(folder):
    assert changes.names(folder)["seg-aaaaaa"] == "segment 1 (seg-aaaaaa, Wine, cheese)"


def test_a_folder_of_before_shows_what_it_has(make_run):
    path, _ = make_run()
    assert summary.text(path, None) == ""
    assert "users" in tables.segments(path)
    assert "ndcg@20" in notebook.cell(path)
