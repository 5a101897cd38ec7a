"""What others may see: no group of fewer than ten, not by subtraction either, and nobody's id."""

import itertools

import numpy as np
import polars as pl
import pytest

from gnnseg.report import page, sharing
from gnnseg.runs import summary
from gnnseg.runs.stored import StoredRun

SECRET = "person-with-an-id"


def resized(make_run, sizes, name="a-run"):
    """A run whose first segments have so many people, called by unmistakable ids."""
    path, _ = make_run(users=sum(sizes), k=len(sizes), name=name)
    run = StoredRun(path)
    ids = {f"u{n}": f"{SECRET}-{n}" for n in range(sum(sizes))}
    placed = [k + 1 for k, count in enumerate(sizes) for _ in range(count)]
    renamed = {
        "ids": "id", "segments": "user", "examples": "user", "per_user": "user",
        "recommendations": "id",
    }  # fmt: skip
    for table, column in renamed.items():
        frame = run.frame(table).with_columns(pl.col(column).replace(ids))
        if table == "segments":
            frame = frame.with_columns(segment=pl.Series(placed))
        run.folder.write_parquet(f"{table}.parquet", frame)
    groups = run.frame("groups").with_columns(size=pl.Series(sizes, dtype=pl.Int64))
    run.folder.write_parquet("groups.parquet", groups)
    summary.write(path)
    return path


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([50, 40, 30], [True, True, True]),
        ([50, 9, 30], [True, False, False]),  # the total less 50 and 30 would be 9
        ([50, 9, 9, 30], [True, False, False, True]),
        ([50, 1, 2, 30], [True, False, False, False]),  # 3 people are few too
        ([50, 0, 30], [True, False, True]),  # whether a group is empty is not told
        ([0, 9], [False, False]),
        ([10, 9], [False, False]),
        ([], []),
    ],
)
def test_small_groups_are_withheld_with_what_would_give_them_away(counts, shown):
    assert [why is None for why in sharing.withheld(counts)] == shown
    told = [why for n, why in zip(counts, sharing.withheld(counts)) if why and n < 10]
    assert set(told) <= {sharing.FEW}


def test_no_total_less_what_is_shown_is_of_few():
    """The oracle: whoever knows the total knows the withheld groups' sum, and no more."""
    for counts in itertools.product([0, 1, 4, 9, 10, 11, 60], repeat=4):
        why = sharing.withheld(counts)
        rest = [count for count, reason in zip(counts, why) if reason and count]
        assert not rest or sum(rest) >= 10 or sum(rest) == sum(counts)
        assert len(rest) != 1 or sum(rest) == sum(counts)
        assert all(reason or count >= 10 for count, reason in zip(counts, why))


def test_the_table_shows_a_small_segment_without_figures(make_run):
    path = resized(make_run, [30, 4, 12, 40])
    found = sharing.segments(path)
    assert found["segment"].to_list() == [1, 2, 3, 4]
    assert found["note"].to_list() == [None, sharing.FEW, sharing.BESIDE, None]
    assert found["people"].to_list() == [30, None, None, 40]
    blank = found.filter(pl.col("segment") == 2).drop("segment", "id", "note")
    assert all(column.null_count() == 1 for column in blank)
    assert found["id"].null_count() == 0


def test_changes_of_few_people_are_blank(make_run):
    path = resized(make_run, [30, 20, 40])
    run = StoredRun(path)
    changed = run.frame("summary").with_columns(change=pl.Series([3, -12, 0]))
    found = sharing.table("summary", changed, {})
    assert found["change"].to_list() == [None, -12, 0]


def test_the_page_has_no_id_and_no_figure_of_few(make_run):
    path = resized(make_run, [30, 4, 12, 40])
    cards = StoredRun(path).frame("cards")
    few = pl.col("segment") == 1
    odd = cards.with_columns(
        name=pl.when(few).then(pl.lit("rarity")).when(pl.col("segment") == 2)
        .then(pl.lit("taste of four")).otherwise("name"),
        support=pl.when(few).then(9).otherwise("support"),
    )  # fmt: skip
    odd.write_parquet(path / "cards.parquet")
    assert any(SECRET.encode() in each.read_bytes() for each in path.iterdir())
    before = {each.name: each.read_bytes() for each in path.iterdir()}
    (path.parent / "x").mkdir()
    shared = sharing.view(path, path.parent / "x")
    shown = page.render(shared)
    assert SECRET not in shown
    assert "taste of four" not in shown
    assert "rarity" not in shown
    assert "Segment 2: fewer than 10" in shown
    assert f"Segment 3: {sharing.BESIDE}" in shown
    assert "40" in shown
    assert before == {each.name: each.read_bytes() for each in path.iterdir()}
    for each in shared.iterdir():
        assert SECRET.encode() not in each.read_bytes(), each.name
    assert "Not shown" not in page.render(path)


def shared_of(path, place):
    place.mkdir()
    return sharing.view(path, place)


def test_the_page_has_kinds_of_no_few(full_run, tmp_path):
    path, _ = full_run(users=150)
    some = pl.read_parquet(path / "segments.parquet")["segment"].to_numpy()
    with np.load(path / "seen.npz") as stored:
        user, item = stored["user"], stored["item"]
    kinds = pl.read_parquet(path / "items.parquet")["category"].to_list()
    shared = shared_of(path, tmp_path / "view")
    heat = pl.read_parquet(shared / "heat.parquet")
    assert 0 < heat["lift"].count() < len(heat)
    for category, k, lift in heat.select("category", "segment", "lift").rows():
        takers = {u for u, i in zip(user, item) if some[u] == k and kinds[i] == category}
        assert lift is None or len(takers) >= 10
    blank = heat.group_by("category").agg(pl.col("lift").null_count())["lift"]
    assert 1 not in blank.to_list()
    shown = page.render(shared)
    assert 'id="map"' in shown
    assert "A map of people" not in shown


def test_the_page_has_moves_of_no_few(full_run, tmp_path):
    path, _ = full_run()
    moves = pl.read_parquet(path / "moves.parquet")
    shared = shared_of(path, tmp_path / "view")
    left = pl.read_parquet(shared / "moves.parquet")
    assert (left["users"] >= 10).all()
    assert left.join(moves, on=moves.columns, how="semi").equals(left)
    shown = page.render(shared)
    assert "Who moved where" in shown
    assert "people followed from" not in shown  # a total
    assert "moved.parquet" not in shown


def test_where_no_move_may_be_shown_the_page_says_so(full_run, tmp_path):
    path, _ = full_run()
    moves = pl.read_parquet(path / "moves.parquet").with_columns(users=pl.lit(3, pl.Int64))
    moves.write_parquet(path / "moves.parquet")
    shared = shared_of(path, tmp_path / "view")
    assert pl.read_parquet(shared / "moves.parquet").is_empty()
    shown = page.render(shared)
    assert "No move may be shown: each is of fewer than 10 people" in shown
    assert "Who moved where" not in shown


def test_levels_of_few_are_left_out_with_their_complement():
    def row(segment, attribute, count, of):
        mean = count / of
        return (segment, 1, attribute, mean, 0.5, 0.1, float(of))

    rows = [
        row(1, "sex=f", 27, 30), row(1, "sex=m", 3, 30),  # either gives the other away
        row(2, "sex=f", 15, 30), row(2, "sex=m", 15, 30),
        row(3, "age=1", 20, 60), row(3, "age=2", 11, 60), row(3, "age=3", 29, 60 - 0.0),
        row(4, "age=1", 20, 60), row(4, "age=2", 4, 60), row(4, "age=3", 36, 60),
        row(5, "member=yes", 55, 60),  # 5 are none
        row(6, "recency", 12, 60), row(7, "recency", 4, 9),
        row(8, "share of genre=x", 1, 60),
    ]  # fmt: skip
    names = ["segment", "rank", "attribute", "mean", "base", "difference", "support"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    found = sharing.table("profiles", frame, {})
    assert found.select("segment", "attribute").rows() == [
        (2, "sex=f"), (2, "sex=m"), (3, "age=1"), (3, "age=2"), (3, "age=3"), (4, "age=3"),
        (6, "recency"), (8, "share of genre=x"),
    ]  # fmt: skip
    assert found.columns == names
    assert len(sharing.table("profiles", frame, dict.fromkeys(range(1, 9), ""))) == 0


def test_evidence_and_associations_of_few_are_blank(make_run):
    frame = pl.DataFrame(
        {"segment": [1, 2], "n": [9, 10], "ndcg@20": [0.5, 0.6], "cohesion": [1.0, 2.0]}
    )
    found = sharing.table("evidence", frame, {})
    assert found.rows() == [(1, None, None, 1.0), (2, 10, 0.6, 2.0)]
    frame = pl.DataFrame({"attribute": ["a", "b"], "users": [9, 10]})
    assert sharing.table("associations", frame, {})["attribute"].to_list() == ["b"]
    frame = pl.DataFrame({"attribute": ["a"], "segment_1": [0.1], "segment_2": [0.2]})
    assert sharing.table("attributes", frame, {2: ""}).columns == ["attribute", "segment_1"]


def test_a_tracker_gets_no_id_unless_people_may_be_shown(make_run):
    from gnnseg.runs import writer
    from gnnseg.runs.folder import RunFolder

    class Tracker:
        def __init__(self):
            self.tables = {}

        def summary(self, metrics):
            pass

        def table(self, name, frame):
            self.tables[name] = frame

        def figure(self, name, figure):
            pass

        def page(self, path):
            assert SECRET not in path.read_text("utf-8")

    path = resized(make_run, [30, 4, 12, 40])
    record = {**RunFolder(path).read_json(), "losing": []}
    mine, theirs = Tracker(), Tracker()
    writer.hand_over(RunFolder(path), record, mine)
    assert set(mine.tables) >= {"summary", "cards", "recommendations"}
    assert "examples" not in mine.tables
    assert SECRET not in "".join(frame.write_json() for frame in mine.tables.values())
    assert set(mine.tables["recommendations"]["kind"]) == {"segment"}
    assert mine.tables["summary"]["people"].to_list() == [30, None, None, 40]
    record["config"]["report"] = {"people": True}
    writer.hand_over(RunFolder(path), record, theirs)
    assert SECRET in theirs.tables["examples"].write_json()
    assert theirs.tables["summary"]["people"].to_list() == [30, 4, 12, 40]


def test_a_plot_has_no_segment_that_is_withheld(make_run, monkeypatch):
    from gnnseg.report import dashboards
    from gnnseg.runs import summary

    path, drawn = resized(make_run, [30, 4, 12, 40]), []
    summary.write(path)
    monkeypatch.setattr(dashboards.segments, "shares", lambda frame: drawn.append(frame))
    list(dashboards.plots(path, people=False))
    list(dashboards.plots(path, people=True))
    assert [frame["segment"].sort().to_list() for frame in drawn] == [[1, 4], [1, 2, 3, 4]]


def test_a_record_says_nothing_of_withheld_segments(make_run):
    path = resized(make_run, [30, 4, 12, 40])
    run = StoredRun(path)
    record = run.folder.read_json()
    record["alarms"] = ["segment 2 holds 4 people", "segment 22 is fine"]
    record["metrics"] |= {"segment/2/ndcg@20": 0.5, "segment/effective_k": 3.0}
    record["data"]["notes"] = {"split": "random", "dropped": {f"rows of {SECRET}": 3}}
    record["since"] = {"run": "before", "people": {"seg-a": 4}, "events": []}
    run.folder.write_json(record)
    (path.parent / "v").mkdir()
    found = StoredRun(sharing.view(path, path.parent / "v")).record
    assert found["alarms"] == ["segment 22 is fine"]
    assert "segment/2/ndcg@20" not in found["metrics"]
    assert "segment/effective_k" in found["metrics"]
    assert found["data"]["notes"] == {"split": "random"}
    assert found["since"] == {"run": "before"}
    assert np.isclose(found["metrics"]["segment/effective_k"], 3.0)
