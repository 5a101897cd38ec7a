"""All figures of a run by group, and RFM's line."""

import math

import pytest

from gnnseg.report import listing, rfm


def test_every_figure_stands_there_under_its_group():
    metrics = {
        "test/ndcg@20": 0.31234, "test/ndcg@10": 0.25, "test/ndcg@20/top1": 0.2,
        "test/revenue@20": math.nan, "segment/modularity": 0.5, "valid/ndcg@20": 0.29,
        "own/figure": 1.0,
    }  # fmt: skip
    text = listing.text(metrics)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "K=10 K=20" in lines
    assert "test/ndcg@K 0.2500 0.3123" in lines
    assert "test/ndcg@K/top1 0.2000" in lines
    assert "test/revenue@K –" in lines
    assert "segment/modularity 0.5000" in lines
    assert text.index("test/ndcg") < text.index("valid/ndcg") < text.index("segment/modularity")
    assert "own/figure 1.0000" in lines


def test_a_run_without_figures_lists_none():
    assert listing.text({}) == ""


@pytest.mark.parametrize(
    ("gain", "said"),
    [((0.01, 0.05), "better: these"), ((-0.2, -0.1), "better: RFM's"), ((-0.1, 0.1), "neither")],
)
def test_rfm_in_one_line(gain, said):
    metrics = {"segment/rfm_ari": 0.05}
    assert rfm.line({}, spend=True) == ""
    assert rfm.line({"segment/rfm_ari": None}, spend=True) == ""
    assert rfm.line(metrics, spend=True).endswith("ARI 0.05 with these")
    for name, value in (("spend_r2", 0.031), ("rfm_spend_r2", 0.41)):
        metrics |= {f"segment/{name}{end}": value for end in ("", "_low", "_high")}
    metrics |= {"segment/spend_r2_gain_low": gain[0], "segment/spend_r2_gain_high": gain[1]}
    line = rfm.line(metrics, spend=True)
    assert "of held-out spend these" in line
    assert "of held-out events these" in rfm.line(metrics, spend=False)
    assert "3.1% [3.1%, 3.1%], RFM's 41.0%" in line
    assert said in line
    assert "\n" not in line
