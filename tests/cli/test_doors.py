"""People who were not in training, by what is told of them: attributes, friends, or both, with or
without a history."""

import logging

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import gnnseg
from gnnseg.cli import main
from gnnseg.data.sets.planted import Planted

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "head.segments=3",
    "trainer.max_epochs=6",
    "trainer.eval_every=3",
    "split=random",
    "threads=1",
    "device=cpu",
]
USERS, ITEMS = 60, 40


def people(kinds=3):
    """Whose job tells their taste; some of unknown age."""
    age = [None if n % 7 == 0 else 20 + 20 * (n % kinds) + n % 5 for n in range(USERS)]
    return {
        "id": [f"u{n}" for n in range(USERS)],
        "job": [("cook", "smith", "clerk")[n % kinds] for n in range(USERS)],
        "age": age,
    }


def purchases(seed=0, rows=900):
    draw = np.random.default_rng(seed)
    user = draw.integers(0, USERS, rows)
    item = (user % 3) * (ITEMS // 3) + draw.integers(0, ITEMS // 2, rows)
    return {
        "user": [f"u{u}" for u in user],
        "item": [f"i{j % ITEMS}" for j in item],
        "time": 1.7e9 + np.sort(draw.integers(0, 10**7, rows)),
    }


def train(where, *more):
    kinds = {
        "id": [f"i{j}" for j in range(ITEMS)],
        "kind": [("pan", "anvil", "pen")[j * 3 // ITEMS] for j in range(ITEMS)],
    }
    data = gnnseg.interactions(purchases(), time="time", users=people(), items=kinds)
    return gnnseg.train(data, [*SMALL, *more, f"runs.root={where}"], seed=1)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs"), "encoder=linear", "features.derived=false")


def embedded(run, *told, **more):
    """Embeddings of newcomers, as the doors make them."""
    from gnnseg.runs import new_users

    (part,) = new_users.read(told[0], run.stored.known, **more).parts()
    return run.stored.fold_in.embed(
        part.pairs,
        len(part.ids),
        part.attributes(run.stored.known.encoding),
        part.friends,
        part.given(run.stored.known.encoding),
    ).numpy()


def test_the_column_of_ids_may_be_named(linear):
    table = people()
    ids = [f"new {n}" for n in range(USERS)]
    rows = [f"row {n}" for n in range(USERS)]
    found = [
        linear.assign({}, users={"code": rows, **table, "id": ids}, users_id=name)
        for name in (None, "id", "code")
    ]
    assert [each["user"].to_list() for each in found] == [ids, ids, rows]
    assert found[1].drop("user").equals(found[2].drop("user"))


def test_the_same_attributes_are_the_same_embedding(linear):
    table = people()
    stored = load_file(linear.path / "scores.safetensors")["user"].numpy()
    rows = [linear.stored.users.index(f"u{n}") for n in range(USERS)]
    new = {**table, "id": [f"new {n}" for n in range(USERS)]}
    np.testing.assert_allclose(embedded(linear, {}, users=new), stored[rows], atol=1e-6)
    alpha = linear.assign(None, users=new).select(pl.col("^alpha_.*$")).to_numpy()
    np.testing.assert_allclose(alpha, linear.alpha[rows], atol=1e-5)


@pytest.mark.parametrize("encoder", [["two_tower"], ["lightgcn", "encoder.attributes=alone"]])
def test_the_same_attributes_and_history_are_the_same_embedding(tmp_path, encoder):
    run = train(
        tmp_path,
        f"encoder={encoder[0]}",
        *encoder[1:],
        "features.only=[age,job,kind,frequency,'shares of kind']",
    )
    stored = load_file(run.path / "scores.safetensors")["user"].numpy()
    train_, table = run.stored.pairs, pl.DataFrame(people())
    train_events = np.bincount(
        train_["user"],
        np.where(train_["part"] == 0, train_["weight"], 0),
        minlength=len(run.stored.users),
    )
    for u in np.argsort(-train_events, kind="stable")[
        :3
    ]:  # of less, a newcomer's frequency is only so far
        user = run.stored.users.ids[u]
        mine = (train_["part"] == 0) & (train_["user"] == u)
        counts = train_["weight"][mine].astype(int)  # without weights, a pair weighs its events
        met = [run.stored.items.ids[j] for j in np.repeat(train_["item"][mine], counts)]
        row = table.filter(pl.col("id") == user).with_columns(id=pl.lit("new"))
        np.testing.assert_allclose(
            embedded(run, {"new": met}, users=row)[0], stored[u], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("weights", ["value", "spend"])
def test_a_run_whose_edges_weigh_serves_those_who_come_later(tmp_path, weights):
    """Who tells as much as the trained told is embedded as near to them; who does not weighs as
    training did on average."""
    met = purchases()
    paid = {**met, "amount": [float(2 + n % 5) for n in range(len(met["user"]))]}
    data = gnnseg.interactions(
        paid, time="time", **{"weight" if weights == "value" else "spend": "amount"}
    )
    run = gnnseg.train(
        data,
        [*SMALL, f"runs.root={tmp_path}", f"graph.weights={weights}", "encoder=lightgcn"],
        seed=1,
    )
    parts = run.split()
    assert (parts.train.spend is not None) == (weights == "spend")
    mine = parts.train.user == 0
    items = parts.train.item[mine].tolist()
    amount = (parts.train.weight if weights == "value" else parts.train.spend)[mine].tolist()
    ids = [run.stored.items.ids[j] for j in items]
    told = {
        "user": ["new"] * len(ids),
        "item": ids,
        "weight" if weights == "value" else "spend": amount,
    }
    assert run.assign(told)["user"].to_list() == ["new"]
    graph = run.stored.fold_in.graph
    (part,) = gnnseg.runs.new_users.read(told, run.stored.known).parts()
    near = graph.with_users(part.pairs, 1, weights).messages()[0].value
    torch.testing.assert_close(near, graph.messages()[0].value[graph.pattern.row == 0])
    (part,) = gnnseg.runs.new_users.read({"new": ids}, run.stored.known).parts()
    column = getattr(parts.train, "weight" if weights == "value" else "spend")
    usual = column.sum() / (parts.train.count.sum() if weights == "value" else len(column))
    torch.testing.assert_close(
        graph.with_users(part.pairs, 1, weights).weight,
        torch.full((len(ids),), usual),
        check_dtype=False,
    )


def test_typed_relations_are_handed_over_in_python(tmp_path):
    makers = {
        "item": [f"i{j}" for j in range(ITEMS)],
        "brand": [f"b{j * 3 // ITEMS}" for j in range(ITEMS)],
    }
    made = {"name": "made by", "source_kind": "item", "target_kind": "brand", "edges": makers}
    data = gnnseg.interactions(purchases(), time="time", relations=[made])
    run = gnnseg.train(data, [*SMALL, f"runs.root={tmp_path}", "encoder=rgcn"], seed=1)
    assert [flow.name for flow in run.stored.fold_in.graph.relations] == [
        "made by",
        "made by, back",
    ]
    assert run.stored.fold_in.graph.entities == {"brand": 3}
    with pytest.raises(
        gnnseg.InputError, match=r"each entry has the keys edges, name, source_kind, target_kind"
    ):
        gnnseg.interactions(purchases(), relations=[{**made, "path": "x.csv"}])


@pytest.mark.parametrize("encoder", ["linear", "dnn"])
def test_attributes_alone_tell_the_segment(tmp_path, linear, encoder):
    run = (
        linear if encoder == "linear" else train(tmp_path, "encoder=dnn", "features.derived=false")
    )
    new = {"id": ["a", "b", "c"], "job": ["cook", "smith", "clerk"]}
    found = run.assign({"a": []}, users=new)
    assert found["user"].to_list() == ["a", "b", "c"]
    lists = run.recommend({}, 5, users=new)
    kind = {"a": range(20), "b": range(13, 33), "c": [*range(26, 40), *range(6)]}
    for who, good in kind.items():
        liked = lists.filter(pl.col("id") == who)["item"].str.slice(1).cast(pl.Int64).to_list()
        assert sum(j in good for j in liked) >= 4, (who, liked)


def test_newcomers_are_each_their_own_and_nobody_else_moves(linear):
    before = linear.stored.scorer.block(torch.arange(USERS)).clone()
    new = {"id": ["a", "b"], "job": ["cook", "smith"], "age": [30, 50]}
    both = linear.assign({"a": ["i1", "i2"], "c": []}, users=new)
    alone = linear.assign({"a": ["i1", "i2"]}, users={k: v[:1] for k, v in new.items()})
    assert both["user"].to_list() == ["a", "c", "b"]
    np.testing.assert_allclose(both.row(0)[3:], alone.row(0)[3:], atol=1e-6)
    assert (linear.stored.scorer.block(torch.arange(USERS)) == before).all()


@pytest.fixture(
    scope="module", params=[["encoder=social"], ["encoder=lightgcn", "encoder.social=1.0"]]
)
def social(request, tmp_path_factory):
    raw = Planted(
        preset="easy", users=120, items=60, segments=3, interactions=1700, seed=0, homophily=0.95
    ).draw()
    small = [*SMALL[:1], *SMALL[3:], "trainer.max_epochs=30", "trainer.eval_every=10"]
    run = gnnseg.train(
        raw, [*request.param, *small, f"runs.root={tmp_path_factory.mktemp('runs')}"]
    )
    first = dict(zip(raw.users["id"], raw.truth.alpha.argmax(1), strict=True))
    return run, first


@pytest.mark.slow
def test_friends_alone_move_alpha_to_their_segment(social):
    run, first = social
    where = dict(run.segments().select("user", "segment").rows())
    for k in range(3):
        friends = [u for u in run.stored.users.ids if first[u] == k][:8]
        theirs = max(set(map(where.get, friends)), key=[*map(where.get, friends)].count)
        ties = {
            "who": ["new"] * 4 + friends[4:],
            "friend": friends[:4] + ["new"] * 4,
        }  # named from either end
        found = run.assign({"new": []}, social=ties)
        alone = run.assign({"new": []})
        assert found["segment"][0] == theirs
        assert found[f"alpha_{theirs}"][0] > alone[f"alpha_{theirs}"][0]
        others = [u for u in run.stored.users.ids if first[u] != k][:8]
        apart = run.assign({"new": []}, social={"who": ["new"] * 8, "friend": others})
        assert found[f"alpha_{theirs}"][0] > apart[f"alpha_{theirs}"][0] + 0.2
        assert run.assign(None, social=ties).rows() == found.rows()


def test_unknown_friends_and_columns_are_counted(social, linear, caplog):
    run, _ = social
    with caplog.at_level(logging.INFO, logger="gnnseg"):
        run.assign(
            {"new": []}, social={"a": ["new", "new"], "b": [run.stored.users.ids[0], "nobody"]}
        )
        linear.assign(None, users={"id": ["a"], "job": ["cook"], "shoe": [44]})
    assert "does not know are left out: 1 (first: nobody)" in caplog.text
    assert "does not read shoe; left out" in caplog.text
    assert "has no class of its own for" not in caplog.text


def test_classes_that_training_had_none_of_are_named(linear, caplog):
    """A misspelt class, one of another language: taken for 'other' or for unknown, and said."""
    jobs = ["cook", "chef", "Koch", "chef"]
    linear.assign(None, users={"id": ["a", "b", "c", "d"], "job": jobs})
    said = [each for each in caplog.messages if "has no class of its own for" in each]
    assert len(said) == 1
    assert "for job chef, Koch (3 in all): taken for" in said[0]


REFUSED = [
    (
        lambda run: run.assign({}, users={"id": ["a", "a"], "age": [1, 2]}),
        "id a stands more than once",
    ),
    (
        lambda run: run.assign({}, users={"id": ["a"], "age": ["old"]}),
        "attribute age: of a is 'old'",
    ),
    (lambda run: run.assign({}, users=[1, 2]), "users: is a builtins.list; give a pandas"),
    (lambda run: run.assign({"a": []}, social={"a": ["a"], "b": ["u1"]}), "reads no social ties"),
    (
        lambda run: run.recommend(["u1"], users={"id": ["u1"], "age": [3]}),
        "people who were not in training",
    ),
    (lambda run: run.assign(None), "nobody is in them"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
@pytest.mark.slow
def test_mistakes_are_one_sentence(linear, number):
    ask, words = REFUSED[number]
    with pytest.raises(gnnseg.InputError) as caught:
        ask(linear)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_without_attributes_says_so(social, caplog):
    with caplog.at_level("INFO", logger="gnnseg"):
        found = social[0].assign({}, users={"id": ["a"], "age": [3]})
    assert "reads no attributes of users" in caplog.text
    assert found["segment"].to_list() == [None]


def test_the_command_takes_files(linear, tmp_path, capsys):
    (tmp_path / "who.csv").write_text("id;job;age\nanna;cook;20\nbert;smith;\n", "utf-8")
    (tmp_path / "met.csv").write_text("user,item\nanna,i1\ncarl,i2\n", "utf-8")
    out, lists = tmp_path / "segments.csv", tmp_path / "lists.csv"
    words = [
        "assign",
        str(linear.path),
        str(tmp_path / "met.csv"),
        "--users",
        str(tmp_path / "who.csv"),
    ]
    assert main([*words, "--out", str(out), "--lists", str(lists), "-k", "3"]) == 0
    assert pl.read_csv(out)["user"].to_list() == ["anna", "carl", "bert"]
    assert len(pl.read_csv(lists)) == 9
    assert main(["assign", str(linear.path), "--users", str(tmp_path / "who.csv")]) == 0
    assert "bert" in capsys.readouterr().out
    (tmp_path / "shout.csv").write_text("job,id\ncook,ANNA\nsmith,CARL\n", "utf-8")
    (tmp_path / "last.csv").write_text("age,job,wer\n30,cook,anna\n31,smith,carl\n", "utf-8")
    last = ["--users", str(tmp_path / "last.csv"), "--users-id", "wer"]
    assert main(["assign", str(linear.path), *last]) == 0
    assert "carl" in capsys.readouterr().out
    (tmp_path / "twice.csv").write_text("id,job\nanna,cook\nanna,smith\n", "utf-8")
    for wrong, sentence in (
        (["--users", str(tmp_path / "twice.csv")], "line 2: id anna stands more than once"),
        (["--users", str(tmp_path / "none.csv")], "no such file"),
        (
            [str(tmp_path / "met.csv"), "--users", str(tmp_path / "shout.csv")],
            "('ANNA' here, 'anna' there)",
        ),
        (
            ["--users", str(tmp_path / "who.csv"), "--users-id", "nr"],
            "no column 'nr' for --users-id",
        ),
        ([], "give a FILE of interactions, --users FILE or --social FILE"),
    ):
        assert main(["assign", str(linear.path), *wrong]) == 2
        assert sentence in capsys.readouterr().err
