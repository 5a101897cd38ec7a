"""Which interactions put a user in their segment, and which few would move them: by brute force."""

import itertools

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg.cli.command import main
from gnnseg.runs import counterfactual
from gnnseg.types import InputError

ITEMS = 12
ALPHA = ["alpha_1", "alpha_2"]


def bought(users=24, seed=1):
    """Two groups, each of its own six items most of the time; the last user is in between."""
    draw = np.random.default_rng(seed)
    rows = {
        (f"u{u:02}", f"i{draw.integers(6) + 6 * (u % 2):02}") for u in range(users) for _ in "12345"
    }
    rows |= {("between", f"i{j:02}") for j in (0, 1, 6)}
    rows |= {("within", f"i{j:02}") for j in range(6)}
    return pl.DataFrame(sorted(rows), schema=["user", "item"], orient="row")


def train(where, *more):
    users = pl.DataFrame(
        {"id": [f"u{u:02}" for u in range(24)], "group": [f"g{u % 2}" for u in range(24)]}
    )
    settings = [
        "head.segments=2", "trainer.max_epochs=60", "split=random", "split.seed=3",
        f"runs.root={where}", *more,
    ]  # fmt: skip
    items = pl.DataFrame(
        {"id": [f"i{j:02}" for j in range(ITEMS)], "kind": [f"k{j // 6}" for j in range(ITEMS)]}
    )
    data = gnnseg.interactions(bought(), users=users, items=items)
    return gnnseg.train(data, settings, seed=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs"))


def history(run, user):
    part = run.split().train
    mine = part.item[part.user == run.stored.users.index(user)]
    return [str(run.stored.items.ids[j]) for j in mine]


def catalogue(run):
    return [str(run.stored.items.ids[j]) for j in np.unique(run.split().train.item)]


def alphas(run, histories):
    """The oracle: each history by the public door."""
    return (
        run.assign({f"x{n}": items for n, items in enumerate(histories)}).select(ALPHA).to_numpy()
    )


def test_leaving_one_out_is_what_assign_says_without_it(run):
    for user in ("between", "within", "u03"):
        mine, table = history(run, user), run.explain(user)
        now = table.row(1, named=True)
        whole = alphas(run, [mine])[0]
        here = int(whole.argmax())
        assert (now["part"], now["segment"]) == ("now", here + 1)
        assert now["alpha"] == pytest.approx(whole[here], abs=1e-5)
        told = table.filter(pl.col("part") == "history")
        assert sorted(told["item"]) == sorted(mine)
        assert told["change"].is_sorted(descending=True)
        for row in told.iter_rows(named=True):
            without = alphas(run, [[item for item in mine if item != row["item"]]])[0]
            assert row["alpha"] == pytest.approx(without[here], abs=1e-4)
            assert row["change"] == pytest.approx(whole[here] - without[here], abs=1e-4)
            assert row["segment"] == int(without.argmax()) + 1
        trained = table.row(0, named=True)
        assert trained["segment"] == run.segments().filter(user=user)["segment"][0]


def toggled(mine, changes):
    out = [item for item in mine if item not in changes]
    return out + [item for item in changes if item not in mine]


def test_without_any_history_somebody_is_in_no_segment_and_has_not_moved(run):
    """Of whom nothing is known is in none: leaving out all they have is no move to another."""
    pairs = run.split().train
    few = [u for u, n in enumerate(np.bincount(pairs.user)) if n == 1]
    asked = counterfactual.Asked.of(run.stored, "between")
    for user in few:
        table = run.explain(str(run.stored.users.ids[user]))
        (left,) = table.filter(pl.col("part") == "history").to_dicts()
        assert left["segment"] is left["alpha"] is None
        assert "removed" not in table.filter(pl.col("part") == "move")["action"].to_list()
    taken = tuple(counterfactual.Change(int(j), added=False) for j in asked.history.item)
    assert asked.places(taken[1:])
    assert not asked.places(taken)
    put = counterfactual.Change(int(asked.others()[0]), added=True)
    assert asked.places((*taken, put))


def test_one_change_is_found_wherever_one_is_enough(run):
    """Exhaustively; and what is said to move them does, by the public door."""
    found = set()
    for user in ["between", "within", "u01", "u02"]:
        mine, table = history(run, user), run.explain(user)
        here = table.row(1, named=True)["segment"] - 1
        move = table.filter(pl.col("part") == "move")
        singles = alphas(run, [toggled(mine, [item]) for item in catalogue(run)])
        gap = singles[:, here] - singles[:, 1 - here]
        if (gap < -1e-4).any():
            assert len(move) == 1
            after = alphas(run, [toggled(mine, list(move["item"]))])[0]
            assert after[here] - after[1 - here] == pytest.approx(gap.min(), abs=1e-4)
        elif (gap > 1e-4).all():
            assert len(move) != 1
        if len(move):
            changes = list(move["item"])
            after = alphas(run, [toggled(mine, changes)])[0]
            assert int(after.argmax()) == 1 - here == move["segment"][-1] - 1
            for fewer in itertools.combinations(changes, len(changes) - 1):
                if fewer:  # none of them is idle
                    assert int(alphas(run, [toggled(mine, list(fewer))])[0].argmax()) == here
        found.add(len(move))
    assert len(found) > 1  # some need one change, some more


def test_where_nothing_of_the_history_is_read_nothing_moves_anybody(tmp_path):
    """Attributes alone, none derived: every change is 0 and there is no way out."""
    run = train(tmp_path, "encoder=dnn", "features.derived=false")
    table = run.explain("within")
    assert len(history(run, "within")) > run.stored.fold_in.short + 1
    assert table.filter(pl.col("part") == "history")["change"].abs().max() < 1e-6
    assert table.filter(pl.col("part") == "move").is_empty()


def test_a_gap_is_the_distance_to_the_nearest_other():
    alpha = np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    np.testing.assert_allclose(counterfactual.gaps(alpha, 0), [0.2, -0.5])
    np.testing.assert_allclose(counterfactual.gaps(np.ones((2, 1)), 0), [1, 1])


def test_the_command_says_it_and_writes_it(run, tmp_path, capsys):
    assert main(["explain", str(run.path), "--user", "between"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("user between: segment ")
    assert "moves them to segment" in said or "move them to" in said
    out = tmp_path / "why.csv"
    assert main(["explain", str(run.path), "--user", "within", "--out", str(out)]) == 0
    assert pl.read_csv(out).columns == list(counterfactual.EXPLAINED)


def test_who_cannot_be_explained_is_one_sentence(run):
    with pytest.raises(InputError, match="user 'nobody' is not known"):
        run.explain("nobody")


def test_segments_of_one_user_says_which_and_why(run, capsys):
    assert main(["segments", str(run.path), "--user", "between"]) == 0
    said = capsys.readouterr().out
    row = run.segments().filter(pl.col("user") == "between").row(0, named=True)
    group = run.groups().filter(pl.col("segment") == row["segment"]).row(0, named=True)
    called = f"{group['name']}, {group['id']}"
    assert said.startswith(f"user between: segment {row['segment']} ({called}), ")
    assert f"{row['alpha_' + str(row['segment'])]:.1%} of their mass" in said
    assert "what leaving one out makes of alpha" in said
    assert main(["segments", str(run.path), "--user", "betwen"]) == 2
    assert "between" in capsys.readouterr().err


def test_attributes_that_are_not_trained_on_are_said(tmp_path, caplog):
    with caplog.at_level("INFO", logger="gnnseg"):
        made = train(tmp_path)
    said = "attributes of users (group) and items (kind) describe segments"
    assert any(said in message for message in caplog.messages)
    caplog.clear()
    table = {"id": ["new", "newer"], "group": ["g0", "g1"]}
    with caplog.at_level("INFO", logger="gnnseg"):
        found = made.assign({"new": ["i00", "i01"]}, users=table)
    assert "reads no attributes of users" in caplog.text
    assert found["user"].to_list() == ["new", "newer"]
    assert found["segment"].is_null().to_list() == [False, True]
    assert found["reason"][1] is not None
