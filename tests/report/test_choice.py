"""The words, the picture and the page of a choice, from its record alone."""

import xml.dom.minidom

import pytest

from gnnseg.report import choice


def row(k: int, **given: object) -> dict[str, object]:
    found = {
        "segments": k, "run": f"run-{k}", "recall": 0.3, "recall_se": 0.01, "behind": 0.0,
        "behind_se": 0.0, "near": True, "ndcg": 0.2, "ndcg_top1": 0.15, "price": 0.9, "soft": 0.8,
        "ari": 0.7, "jaccard": 0.8, "jaccard_min": 0.1, "largest_alpha": 0.6,
        "segments_per_user": 2.0, "effective_k": float(k), "largest_share": 0.4, "seconds": 1.0,
    }  # fmt: skip
    return found | given


def record(rows: list[dict[str, object]], recommended: int, best: int, **given: object) -> dict:
    found = {
        "name": "choose-k-some", "data": {"name": "<b>shop"}, "users": 1234, "rows": rows,
        "asked": {"refits": 3}, "rule": {"jaccard": 0.6}, "recommended": recommended, "best": best,
        "stable": True, "error": 0.01, "dot": {"run": "dot", "ndcg": 0.25, "why": None},
    }  # fmt: skip
    found |= given
    return found | {"reason": choice.reason(found), "notes": choice.notes(found)}


BEHIND = row(4, recall=0.29, behind=0.01, behind_se=0.02)
WORSE = row(2, recall=0.1, behind=0.2, behind_se=0.02, near=False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            record([WORSE, BEHIND, row(8)], 4, 8),
            "K = 4: it is within one standard error (0.0100) of the best validation recall@20 "
            "(0.2900; K = 8 has 0.3000), its segments come back when the model is "
            "fitted again (median Jaccard 0.80, at least 0.6), and no smaller one is within one "
            "standard error of the best.",
        ),
        (
            record([row(4), row(8, near=False)], 4, 4),
            "K = 4: it has the best validation recall@20 (0.3000), its segments come back when the "
            "model is fitted again (median Jaccard 0.80, at least 0.6), and it is the smallest "
            "tried.",
        ),
        (
            record([WORSE, row(4)], 4, 4),
            "K = 4: it has the best validation recall@20 (0.3000), its segments come back when the "
            "model is fitted again (median Jaccard 0.80, at least 0.6), and no smaller one is "
            "within one standard error of the best.",
        ),
        (
            record([BEHIND | {"jaccard": 0.2}, row(8)], 8, 8),
            "K = 8: it has the best validation recall@20 (0.3000), its segments come back when the "
            "model is fitted again (median Jaccard 0.80, at least 0.6), and no smaller one that "
            "ranks as well comes back.",
        ),
        (
            record([BEHIND, row(8, jaccard=0.3)], 4, 8, stable=False),
            "K = 4: it is within one standard error (0.0100) of the best validation recall@20 "
            "(0.2900; K = 8 has 0.3000), but no K that ranks as well has segments "
            "that come back when the model is fitted again (at least 0.6), so this is the most "
            "stable of them (median Jaccard 0.80): read its segments as one way of many to cut "
            "people up.",
        ),
    ],
)
def test_the_reason_is_one_true_sentence(given: dict, said: str) -> None:
    assert given["reason"] == said


def test_what_is_to_be_known_beside() -> None:
    assert record([WORSE, row(8), row(9, near=False)], 8, 8)["notes"] == []
    assert "largest K tried" in record([WORSE, row(8)], 8, 8)["notes"][0]
    assert "One K was tried" in record([row(8)], 8, 8)["notes"][0]
    none = {"run": None, "ndcg": None, "why": "--no-price"}
    assert record([WORSE, row(8), row(9)], 8, 8, dot=none)["notes"] == ["No price: --no-price"]


@pytest.mark.parametrize("price", [0.25, None])
def test_the_picture_stands_alone_and_shows_every_k(price: float | None) -> None:
    dot = {"run": None, "ndcg": price, "why": None}
    found = record([WORSE, BEHIND, row(8, ari=None, soft=None)], 4, 8, dot=dot)
    drawn = choice.picture(found)
    xml.dom.minidom.parseString(drawn)
    assert "<b>shop" not in drawn
    assert "&lt;b&gt;shop: 4 segments" in drawn
    for title in ("Recall", "Stability", "Sharpness", "Price" if price else "Ranking"):
        assert f">{title}</text>" in drawn
    assert drawn.count(">8</text>") >= 4
    assert "var(--accent)" in drawn
    assert "--accent:" in drawn  # colours come along


def test_the_page_holds_reason_table_and_plots() -> None:
    found = record([WORSE, BEHIND, row(8, ari=None)], 4, 8)
    page = choice.page(found)
    assert "<b>shop" not in page
    assert page.count("<figure") == 4
    assert page.count("<tr") == 4
    assert "<b>4 *</b></th>" in page
    assert ">–</td>" in page
    assert choice.text(found).splitlines()[-1] == found["notes"][-1]
    assert "behind ± se" in choice.text(found)
    equal = choice.text(record([row(4), row(8)], 4, 4)).splitlines()
    assert [("best" in line, "0.0000 ± 0.0000" in line) for line in equal[4:6]] == [
        (True, False),
        (False, True),
    ]
