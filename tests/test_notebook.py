"""The notebook runs from its first cell to its last, and shows the run as a page in the cell."""

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
    pages = [data["text/html"] for data in shown if "class=gnnseg" in data.get("text/html", "")]
    assert len(pages) == 1
    assert "tea no." in pages[0]
    assert "popularity" in pages[0]
    assert sum("text/html" in data for data in shown) >= 7
