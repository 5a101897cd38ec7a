"""A page whose names this machine cannot show says so."""

import polars as pl
import pytest

from gnnseg.report import fonts, page


def test_scripts_are_known_by_their_letters():
    assert fonts.scripts(["Fächer", "café 12 – ok"]) == {}
    assert set(fonts.scripts(["茶", "чай", "Tee", "จีน"])) == {
        "Chinese characters",
        "Cyrillic",
        "Thai",
    }


@pytest.mark.filterwarnings("ignore")  # matplotlib's of its own
def test_a_font_is_asked_for_its_characters():
    assert fonts.covering("a") is not None
    assert fonts.covering("\U000f1234") is None  # of no font's, but the last resort's


def test_the_page_warns_where_no_font_has_a_name(make_run, monkeypatch):
    path, _ = make_run()
    assert fonts.warning(path) is None
    cards = pl.read_parquet(path / "cards.parquet")
    cards.with_columns(name=pl.lit("龍井茶")).write_parquet(path / "cards.parquet")
    monkeypatch.setattr(fonts, "covering", lambda character: None)
    shown = page.render(path)
    assert "names are in Chinese characters, and no font on this machine has them" in shown
    assert "龍井茶" not in shown  # no boxes: the id stands there
    assert cards["item"][0] in shown
    monkeypatch.setattr(fonts, "covering", lambda character: "Noto")
    assert fonts.warning(path) is None
    assert "no font on this machine" not in page.render(path)
    assert "龍井茶" in page.render(path)
