"""One page for many runs: their table, the best, price, K, curves."""

import json

import pytest

from gnnseg.report import chosen, many
from gnnseg.types import InputError


@pytest.fixture
def runs(make_run):
    """Two runs of head=segments, K 3 and 5, and one of head=dot."""
    folders = []
    for kind, k, ndcg, sharp in (
        ("distribution", 3, 0.2, 1.5), ("distribution", 5, 0.24, 2.5), ("dot", 3, 0.25, None),
    ):  # fmt: skip
        path, _ = make_run(kind, k=k, name=f"run-{kind}-{k}")
        record = json.loads((path / "run.json").read_text("utf-8"))
        record["config"]["head"]["segments"] = k
        record["hash"] = path.name
        record["metrics"] |= {"valid/ndcg@20": ndcg, "segment/segments_per_user": sharp}
        record["best"] = {"epoch": 8, "metric": "valid/ndcg@20", "value": ndcg}
        (path / "run.json").write_text(json.dumps(record), "utf-8")
        folders.append(path)
    return folders


def test_the_page_holds_table_and_charts(runs):
    page, notes = many.page("<night>", runs)
    assert notes == [chosen.ALONE]
    assert page.count('data-l="test/ndcg@20" data-v=') == 1  # of the chosen row alone
    assert "<h1><bdi>&lt;night&gt;</bdi></h1>" in page
    assert "3 runs; the best on valid/ndcg@20 (0.2500) is <code>run-dot-3</code>" in page
    assert page.count("<tr ") == 1 + 3
    assert page.count("<figure") == 3
    said = "Price against sharpness. 1.5 segments a user: 0.800; 2.5 segments a user: 0.960"
    assert f'aria-label="{said}"' in page  # a share of head=dot's .25
    assert "K = 3: 0.2000; K = 5: 0.2400" in page
    assert "in colour the best, run-dot-3" in page


def test_what_there_is_not_is_left_out(runs):
    page, _ = many.page("one", runs[:1])
    assert "How many segments" not in page
    assert "Add a run with head=dot" in page
    page, notes = many.page("dots", [*runs[2:], runs[2]])
    assert "Price against sharpness" not in page
    assert "given 2 times" in notes[0]
    (runs[0] / "run.json").unlink()
    with pytest.raises(InputError):
        many.page("none", runs[:1])
