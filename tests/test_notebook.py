"""The notebook runs from its first cell to its last, on a set where segments win."""

from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.read(
        Path(__file__).parent.parent / "experiments" / "notebook" / "tour.ipynb", as_version=4
    )
    assert all(not cell.get("outputs") for cell in book.cells)  # nothing stale is stored
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [
        output["data"]
        for cell in book.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    html = [data["text/html"] for data in shown if "text/html" in data]
    first, customer = (text for text in html if "class=gnnseg" in text)
    assert len(html) == len([cell for cell in book.cells if cell.get("outputs")]) - 3  # one each
    assert "(EUR)" in first  # the segments, with names and money, and a picture
    assert "Cheese, wine" in first
    assert "<img" in first
    assert "popularity" in first
    assert "is no better than" not in first  # a set where segments win
    assert "is below" not in first
    assert "user C001: segment" in customer
    assert sum("image/svg+xml" in data for data in shown) == 2  # map and heat map
    assert sum("segment_name" in text and "newsletter" in text for text in html) == 2  # joined
    assert len(html) >= 10
