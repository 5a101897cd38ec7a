import pytest

from gnnseg.report.columns import folded, render

COLUMNS = ["encoder", "head", "recall@20", "ndcg@20", "likes more than others do"]
ROWS = [["lightgcn", "dot", "0.1234", "0.2345", "a long name, another one, and a third"]] * 2


@pytest.fixture(params=[40, 60, 80, 120])
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(width):
    text = render(COLUMNS, ROWS, "a title", right=2, left=(4,))
    table = text.splitlines()[1:]
    assert max(map(len, table)) <= width
    assert text.count("0.1234") == text.count("0.2345") == 2
    assert text.startswith("a title\n")


def test_each_part_says_what_its_rows_are(monkeypatch):
    given = [*COLUMNS[:4], "mrr@20"], [[*ROWS[0][:4], "0.3456"]]
    monkeypatch.setenv("COLUMNS", "60")
    assert render(*given, right=2).count("dot") == 1
    monkeypatch.setenv("COLUMNS", "40")
    narrow = render(*given, right=2)
    assert narrow.count("lightgcn") == narrow.count("dot") == 2


def test_where_nobody_says_how_wide_tables_are_as_wide_as_they_need(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.__stdout__", None)
    assert len(render(COLUMNS, ROWS, right=2, left=(4,)).splitlines()) == 4 + 1


@pytest.mark.parametrize("columns", ["0", "1", "many"])
def test_a_width_that_cannot_be_is_not_believed(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert "0.1234" in render(COLUMNS, ROWS, right=2, left=(4,))


def test_names_move_no_cursor(monkeypatch):
    assert "\x1b" not in render(["a"], [["x\x1b[2Jy"]], "t\x1b")


def test_a_notebook_gets_its_tables_as_text_too(monkeypatch):
    """In one rich would show a table at once and leave the text empty."""
    said = render(["a", "b"], [["1", "2"]], "title")
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert render(["a", "b"], [["1", "2"]], "title") == said
    assert "2" in said


def test_a_sentence_is_folded_to_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    said = folded("  12: ", "more category BABY (+1.7 sd), city Graz (83% against 33%), less WINE")
    first, *others = said.splitlines()
    assert first.startswith("  12: more")
    assert others
    assert all(line.startswith("      ") for line in others)
    assert max(map(len, [first, *others])) <= 40
    assert " ".join(line.strip() for line in said.splitlines())[4:].endswith("less WINE")
