"""A person of whom the model knows nothing is in no segment, and the reason stands beside."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import gnnseg
from gnnseg.cli.command import main
from gnnseg.data.encoding import Encoding
from gnnseg.runs import reasons
from gnnseg.types import Pairs

pytestmark = pytest.mark.slow  # whole runs


def events(seed: int = 0) -> pl.DataFrame:
    """Forty people of two tastes; 'late' and 'later' are met after training alone."""
    draw = np.random.default_rng(seed)
    rows = [
        (f"u{n % 40:02}", f"i{n % 2 * 10 + draw.integers(0, 10):02}", 1 + n // 40)
        for n in range(600)
    ]
    rows += [("late", f"i{n:02}", 15) for n in range(4)]
    rows += [("later", f"i{n:02}", 15) for n in range(4, 8)]
    return pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")


FEW = [
    "head.segments=2", "encoder.dim=8", "trainer.max_epochs=4", "trainer.eval_every=2",
    "threads=1", "device=cpu",
]  # fmt: skip
AGES = pl.DataFrame(
    {"id": [f"u{n:02}" for n in range(40)] + ["late"], "age": [20 + n for n in range(40)] + [30]}
)
TIES = pl.DataFrame(
    {
        "user": ["late", "u01", "u03", "u00", "u02"],
        "friend": ["u01", "u03", "u05", "u02", "u04"],
    }
)


def trained(root: Path, *overrides: str, **beside: pl.DataFrame) -> gnnseg.Run:
    data = gnnseg.interactions(events(), time="time", time_as="any", **beside)
    return gnnseg.train(
        data, [f"runs.root={root}", f"cache.root={root / 'cache'}", *FEW, *overrides]
    )


def segment_of(run: gnnseg.Run) -> dict[str, tuple[int | None, str | None]]:
    return {
        user: (segment, reason)
        for user, segment, reason in run.segments().select("user", "segment", "reason").rows()
    }


def test_nobody_knows_them_and_so_they_are_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path)
    found = segment_of(run)
    assert found["late"] == found["later"] == (None, "no history")
    others = {user: value for user, value in found.items() if not user.startswith("late")}
    assert all(segment in (1, 2) and reason is None for segment, reason in others.values())
    assert run.groups()["people"].sum() == 40
    assert run.alpha.shape == (42, 2)
    page = (run.path / "report.html").read_text("utf-8")
    assert "2 users in no segment: no history" in page
    out = run.write(run.segments(), tmp_path / "who.csv")
    lines = {line.split(",")[0]: line.split(",")[1:3] for line in out.read_text().splitlines()}
    assert lines["late"] == ["", "no history"]
    for user, said in (("late", "in no segment (no history)"), ("u01", "segment ")):
        assert main(["explain", str(run.path), "--user", user, "--item", "i03"]) == 0
        assert f"user {user}: {said}" in capsys.readouterr().out.splitlines()[-1]


def test_they_count_in_no_figure_of_the_segments(tmp_path: Path) -> None:
    """A new user's alpha is 1/K or so: one in 21 here, and most of many a real set."""
    run = trained(tmp_path)
    table = run.segments().filter(pl.col("segment").is_not_null())
    alpha = table.select(pl.col("^alpha_.*$")).to_numpy().astype(np.float64)
    assert len(alpha) == 40
    each = -(alpha * np.log(np.maximum(alpha, 1e-300))).sum(1)
    mean = alpha.mean(0)
    assert run.metric("segment/segments_per_user") == pytest.approx(np.exp(each.mean()), rel=1e-4)
    effective = np.exp(-(mean * np.log(mean)).sum())
    assert run.metric("segment/effective_k") == pytest.approx(effective, rel=1e-5)
    assert run.metric("segment/largest_share") == pytest.approx(mean.max(), rel=1e-5)
    shares = pl.read_parquet(run.path / "groups.parquet")["share"].to_numpy()
    assert shares == pytest.approx(mean / mean.sum(), rel=1e-5)
    apart = run.segments().filter(pl.col("segment").is_null()).select(pl.col("^alpha_.*$"))
    assert apart.to_numpy().max() < 0.99  # in part in each: counted, they would have moved all
    last = pl.read_ndjson(run.path / "metrics.jsonl")["segment/segments_per_user"][-1]
    assert last == pytest.approx(np.exp(each.mean()), rel=0.2)


def test_ties_of_nobody_known_are_not_counted_as_friends(tmp_path: Path) -> None:
    run = trained(tmp_path, social=TIES)
    first = segment_of(run)
    known = [(a, b) for a, b in TIES.rows() if first[a][0] and first[b][0]]
    assert len(known) == 4
    together = np.mean([first[a][0] == first[b][0] for a, b in known])
    assert run.metric("segment/friends_together") == pytest.approx(together)


def test_attributes_that_the_model_reads_are_enough(tmp_path: Path) -> None:
    reading = trained(tmp_path, "encoder.attributes=beside", users=AGES)
    found = segment_of(reading)
    assert found["late"][0] in (1, 2)
    assert found["later"] == (None, "no history, no attributes")
    assert segment_of(trained(tmp_path, users=AGES))["late"] == (None, "no history")


def test_ties_that_the_model_reads_are_enough(tmp_path: Path) -> None:
    reading = trained(tmp_path, "encoder.social=1", "graph.homophily=full", social=TIES)
    found = segment_of(reading)
    assert found["late"][0] in (1, 2)
    assert found["later"] == (None, "no history, no ties")
    assert segment_of(trained(tmp_path, social=TIES))["late"] == (None, "no history")


def test_a_tie_to_nobody_says_nothing(tmp_path: Path) -> None:
    tied = TIES.with_columns(pl.col("user").replace("late", "later"))
    tied = pl.concat([tied[1:], pl.DataFrame({"user": ["late"], "friend": ["later"]})])
    reading = trained(tmp_path, "encoder.social=1", "graph.homophily=full", social=tied)
    assert segment_of(reading)["late"] == (None, "no history, no ties")


def test_new_users_are_nowhere_until_something_is_known(tmp_path: Path) -> None:
    run = trained(
        tmp_path, "encoder.attributes=beside", "encoder.social=1", users=AGES, social=TIES
    )
    told = pl.DataFrame({"id": ["aged", "ageless"], "age": [33, None]})
    friends = pl.DataFrame({"user": ["tied"], "friend": ["u07"]})
    histories = {"met": ["i03"], "nothing": [], "unknown": ["no such item"], "tied": []}
    found = run.assign(histories, users=told, social=friends)
    where = dict(found.select("user", "segment").rows())
    assert {user for user, segment in where.items() if segment is None} == {
        "nothing", "unknown", "ageless",
    }  # fmt: skip
    why = dict(found.select("user", "reason").rows())
    assert why["nothing"] == "no history, no attributes, no ties"
    assert why["met"] is None
    alpha = found.select(pl.col("^alpha_.*$")).sum_horizontal()
    assert alpha.to_list() == pytest.approx([1.0] * len(found))


def test_what_the_encoder_does_not_read_is_no_reason() -> None:
    pairs = Pairs(np.array([1]), np.array([0]), np.ones(1), np.ones(1, dtype=int))
    given = (3, pairs, None, torch.tensor([1.0, 0.0, 0.0]), Encoding())
    assert reasons.of_new_users(*given, frozenset()) == ["no history", None, "no history"]
    assert reasons.of_new_users(*given, {"social"}) == [None, None, "no history, no ties"]
