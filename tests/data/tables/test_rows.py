"""Rows of a text: found chunk by chunk as in one, blank ones left out."""

import numpy as np

from gnnseg.data.tables import rows


def test_rows_are_counted_over_chunks_like_in_one(tmp_path, monkeypatch):
    text = ('u,i\n"a\n,b",1\nc,"d,""e"""\n' + "f,g\n" * 50).encode()
    whole = rows.find(tmp_path, text, b",", True)
    monkeypatch.setattr(rows, "CHUNK", 7)
    for one, many in zip(whole, rows.find(tmp_path, text, b",", True), strict=True):
        np.testing.assert_array_equal(one, many)
    assert whole[1].tolist() == [1] * 53


def test_blank_rows_go_and_the_others_keep_their_lines(tmp_path):
    text = b"u,i\n\na,1\n  \nb,2\n\n"
    left, found = rows.without_blank(text, rows.find(tmp_path, text, b",", True))
    assert left == b"u,i\na,1\nb,2\n"
    assert found.lines is not None
    assert found.lines.tolist() == [1, 3, 5]
    assert [left[at : at + 1] for at in found.starts.tolist()] == [b"u", b"a", b"b"]
    assert found.separators.tolist() == [1, 1, 1]
