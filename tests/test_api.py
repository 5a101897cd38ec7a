"""The Python door: tables of every kind, the command's own route and sentences, nothing global
touched."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import gnnseg
from gnnseg.cli import main

SMALL = [
    "head.segments=3",
    "encoder.dim=8",
    "trainer.max_epochs=6",
    "trainer.eval_every=3",
    "split=random",
]


def table(seed=0, users=60, items=40, rows=900):
    """Purchases of three kinds of people, ids that are no numbers."""
    draw = np.random.default_rng(seed)
    user = draw.integers(0, users, rows)
    item = (user % 3) * (items // 3) + draw.integers(0, items // 2, rows)
    return {
        "customer": np.array([f"c{u} ü" for u in user], dtype=object),
        "sku": np.array([f"Nr. {j % items}" for j in item], dtype=object),
        "qty": draw.integers(1, 4, rows),
        "when": 1.7e9 + np.sort(draw.integers(0, 10**7, rows)),
    }


COLUMNS = {"user": "customer", "item": "sku", "weight": "qty", "time": "when"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    data = gnnseg.interactions(table(), **COLUMNS)
    return gnnseg.train(data, [*SMALL, f"runs.root={root}"], seed=1)


def test_importing_is_light():
    heavy = ("torch", "polars", "hydra", "numpy")
    code = f"import sys, gnnseg; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_stable_names_are_there():
    assert set(gnnseg.__all__) <= set(dir(gnnseg))
    assert all(getattr(gnnseg, name) for name in gnnseg.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        gnnseg.trian  # noqa: B018


@pytest.mark.slow
def test_every_kind_of_table_is_the_same_run(here):
    import pandas as pd
    import pyarrow as pa

    plain = table()
    kinds = [
        plain,
        pl.DataFrame(plain, strict=False),
        pd.DataFrame(plain),
        pa.table(pd.DataFrame(plain)),
        pl.LazyFrame(plain, strict=False),
    ]
    runs = [gnnseg.train(gnnseg.interactions(kind, **COLUMNS), SMALL, seed=1) for kind in kinds]
    assert len({run.path for run in runs}) == 1
    assert runs[0].path.name.startswith("table-lightgcn-segments-")


def test_a_table_gives_what_the_command_gives_for_its_file(here, capsys):
    pl.DataFrame(table(), strict=False).write_csv("orders.csv")
    run = gnnseg.train(gnnseg.interactions(table(), **COLUMNS), SMALL, seed=1)
    typed = [
        "train",
        "orders.csv",
        *[word for role, name in COLUMNS.items() for word in (f"--{role}", name)],
        *SMALL,
        "seed=1",
    ]
    assert main([*typed, "cache.root=cache"]) == 0
    other = gnnseg.load(capsys.readouterr().out.strip())
    assert other.metrics == pytest.approx(run.metrics, nan_ok=True)
    assert other.record["data"]["fingerprint"] == run.record["data"]["fingerprint"]
    assert (here / "orders.yaml").exists()


def test_returns_and_titles_from_a_table():
    table = {
        "user": ["a", "a", "b"],
        "item": ["x", "x", "y"],
        "n": [3, -1, 2],
        "what": ["Tea", "Tea", "Cake"],
    }
    data = gnnseg.interactions(table, weight="n", returns="subtract", item_title="what")
    assert data.events.sort("user").select("user", "item", "weight").rows() == [
        ("a", "x", 2.0),
        ("b", "y", 2.0),
    ]
    assert data.items.sort("id").rows() == [("x", "Tea"), ("y", "Cake")]


def test_a_run_speaks_original_ids(run):
    assert run.metrics["test/ndcg@20"] > 0
    assert run.alpha.shape == (60, 3)
    assert run.beta.shape == (3, 40)
    assert run.segments()["user"].to_list()[0] == "c0 ü"
    assert set(run.recommend("c3 ü", 5)["item"]) <= {f"Nr. {j}" for j in range(40)}
    assert run.explain("c3 ü", "Nr. 4").filter(pl.col("share"))["value"].sum() == pytest.approx(1)
    assert run.segments().to_pandas().shape == (60, 6)


def test_nothing_is_printed_and_nothing_global_moves(here, capfd, caplog):
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with caplog.at_level(logging.INFO, logger="gnnseg"):
        gnnseg.train(gnnseg.interactions(table(), **COLUMNS), SMALL, seed=2)
    assert capfd.readouterr() == ("", "")
    assert any(record.message.startswith("device cpu") for record in caplog.records)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert [path.name for path in here.iterdir()] == ["runs"]


@pytest.mark.slow
def test_trainings_in_threads_end_as_alone(here):
    data = gnnseg.interactions(table(), **COLUMNS)
    found = {}

    def work(seed, root):
        found[seed, root] = gnnseg.train(data, [*SMALL, f"runs.root={root}"], seed=seed)

    threads = [threading.Thread(target=work, args=(seed, "together")) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        work(seed, "alone")
        mine, other = (
            load_file(found[seed, root].path / "model.safetensors")
            for root in ("together", "alone")
        )
        assert all(torch.equal(mine[name], other[name]) for name in mine)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.slow
def test_inside_somebody_elses_hydra_program(here):
    (here / "theirs.py").write_text(
        textwrap.dedent(f"""
        import hydra, sys
        sys.path[:0] = {sys.path!r}
        import gnnseg
        from tests.test_api import COLUMNS, SMALL, table
        from hydra.core.hydra_config import HydraConfig

        @hydra.main(version_base="1.3", config_path=None)
        def main(config):
            run = gnnseg.train(gnnseg.interactions(table(), **COLUMNS), SMALL, seed=1)
            assert HydraConfig.get().job.name == "theirs"  # their Hydra is as it was
            print(run.path, config.mine)

        main()
        """)
    )
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent), **os.environ}
    done = subprocess.run(
        [sys.executable, "theirs.py", "+mine=3"], capture_output=True, text=True, check=False,
        env=environment
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(" 3")


def test_load_needs_no_data(run, tmp_path):
    import shutil

    moved = tmp_path / "elsewhere"
    shutil.copytree(run.path, moved)
    other = gnnseg.load(moved)
    assert other.recommend("c1 ü", 3).rows() == run.recommend("c1 ü", 3).rows()
    assert other.assign({"new": ["Nr. 1"]}).rows() == run.assign({"new": ["Nr. 1"]}).rows()


# --- people who were not in training
# --------------------------------------------------------------------------


def test_new_users_come_as_lists_or_as_a_table(run):
    lists = {"anna": ["Nr. 1", "Nr. 2"], "7": ["Nr. 30"], "nobody": []}
    found = run.assign(lists)
    assert found.columns == ["user", "segment", "reason", "alpha_1", "alpha_2", "alpha_3"]
    assert found["user"].to_list() == ["anna", "7", "nobody"]
    np.testing.assert_allclose(found.select(pl.col("^alpha_.*$")).sum_horizontal(), 1, rtol=1e-5)
    frame = pl.DataFrame({"user": ["anna", "7", "anna"], "item": ["Nr. 1", "Nr. 30", "Nr. 2"]})
    again = run.assign(frame.to_pandas())
    np.testing.assert_allclose(again["alpha_1"], found["alpha_1"][:2], rtol=1e-4, atol=1e-6)


def test_new_users_come_by_the_door_of_interactions_too(run):
    """Columns of any name, returns settled: what was sent back was not met."""
    table = {"who": ["anna", "anna", "anna"], "what": ["Nr. 1", "Nr. 2", "Nr. 2"], "n": [1, 2, -2]}
    data = gnnseg.interactions(table, user="who", item="what", weight="n", returns="subtract")
    assert run.assign(data).rows() == run.assign({"anna": ["Nr. 1"]}).rows()
    assert run.recommend(data, 3).rows() == run.recommend({"anna": ["Nr. 1"]}, 3).rows()


def test_ids_come_one_or_many_in_any_row(run):
    import pandas as pd

    two = run.recommend(["c0 ü", "c1 ü"], 2).rows()
    for users in (
        pd.Series(["c0 ü", "c1 ü"]),
        pl.Series(["c0 ü", "c1 ü"]),
        np.array(["c0 ü", "c1 ü"]),
        iter(["c0 ü", "c1 ü"]),
    ):
        assert run.recommend(users, 2).rows() == two
    mine = run.recommend("c0 ü", 2, "allow", exclude=pd.Series(["Nr. 3"]), only={"Nr. 3", "Nr. 9"})
    assert mine["item"].to_list() == ["Nr. 9"]


def test_ids_of_numbers_and_text_in_one_column():
    import pandas as pd

    mixed = {"user": [1, "a", 1], "item": ["x", 2, "y"]}
    for table in (
        pd.DataFrame(mixed),
        {name: np.array(ids, dtype=object) for name, ids in mixed.items()},
    ):
        assert gnnseg.interactions(table).events.rows() == [("1", "x"), ("a", "2"), ("1", "y")]
    gap = pd.DataFrame({"user": [1, "a", None], "item": [1, 2, 3]})
    with pytest.raises(gnnseg.InputError, match="row 3: no user"):
        gnnseg.interactions(gap, missing_ids="fail")
    left = gnnseg.interactions(gap)
    assert left.events["user"].to_list() == ["1", "a"]
    assert left.rejected == {"no user": 1}


def test_new_users_fall_in_with_their_kind(run):
    """What a trained user met, brought by somebody new, leads to the same segment for most."""
    pairs = run.stored.pairs
    kept = pairs["part"] == 0
    histories = {
        f"new {run.stored.users.ids[u]}": [
            run.stored.items.ids[j] for j in pairs["item"][kept & (pairs["user"] == u)]
        ]
        for u in range(60)
    }
    mine = run.assign(histories)["segment"].to_numpy()
    assert (mine == run.segments()["segment"].to_numpy()).mean() > 0.9


def test_lists_for_new_users_leave_out_what_they_have(run):
    found = run.recommend({"new": ["Nr. 1", "Nr. 2"]}, 100)
    assert len(found) == 38
    assert not {"Nr. 1", "Nr. 2"} & set(found["item"])
    assert len(run.recommend({"new": ["Nr. 1", "Nr. 2"]}, 100, "allow")) == 40


def test_only_and_exclude(run):
    full = run.recommend("c0 ü", 100, "allow")["item"].to_list()
    only = run.recommend("c0 ü", 100, "allow", only=["Nr. 3", "Nr. 9", "unheard of"])[
        "item"
    ].to_list()
    assert only == [item for item in full if item in ("Nr. 3", "Nr. 9")]
    less = run.recommend(["c0 ü"], 100, "allow", exclude=full[:3])["item"].to_list()
    assert less == full[3:]
    new = run.recommend({"x": ["Nr. 1"]}, 5, only=["Nr. 1", "Nr. 2"])
    assert new["item"].to_list() == ["Nr. 2"]


def test_unknown_items_are_counted(run, caplog):
    with caplog.at_level(logging.INFO, logger="gnnseg"):
        run.assign({"new": ["Nr. 1", "what", "ever"]})
        run.recommend("c0 ü", exclude=["Nr. 1", "what"])
    assert "2 of 3 rows name items" in caplog.text
    assert "exclude: 1 of 2 items are not known" in caplog.text


REFUSED = [
    (
        lambda run: gnnseg.interactions([1, 2]),
        "is a builtins.list; give a pandas, polars or arrow table",
    ),
    (lambda run: gnnseg.interactions({"user": [], "item": []}), "holds no rows"),
    (lambda run: gnnseg.interactions({"user": [1], "item": [1, 2]}), "cannot be read as a table"),
    (
        lambda run: gnnseg.interactions(table(), user="custome", item="sku"),
        "did you mean 'customer'?",
    ),
    (
        lambda run: gnnseg.interactions({"user": ["a", None], "item": [1, 2]}, missing_ids="fail"),
        "row 2: no user",
    ),
    (
        lambda run: gnnseg.interactions(table(), **COLUMNS, name="a/b"),
        "it begins the names of folders",
    ),
    (
        lambda run: gnnseg.interactions(table(), **COLUMNS, on_error="ignore"),
        "it is one of 'fail', 'drop'",
    ),
    (
        lambda run: gnnseg.interactions(table(), **COLUMNS, items={"id": ["a", "a"]}),
        "stands more than once",
    ),
    (
        lambda run: gnnseg.interactions(
            {"user": ["a", "b"], "item": [1, 2], "n": [1, -1]}, weight="n"
        ),
        "if these are returns",
    ),
    (
        lambda run: gnnseg.interactions(
            {"user": ["a"], "item": [1], "t": ["03/04/2025"]}, time="t"
        ),
        "may be 2025-04-03",
    ),
    (
        lambda run: gnnseg.interactions(
            {"user": ["a"], "item": [1], "t": ["03/04/2025"]}, time="t"
        ),
        "(dates=dmy) or",
    ),
    (lambda run: gnnseg.interactions(pl.Series([1]).to_pandas()), "is a pandas.Series"),
    (lambda run: gnnseg.train({"user": [1], "item": [1]}), "make it by gnnseg.interactions"),
    (lambda run: gnnseg.train("planted", "head.segments=3"), "write a list, ['head.segments=3']"),
    (
        lambda run: gnnseg.train(gnnseg.interactions(table(), **COLUMNS), ["data=ml-1m"]),
        "the data are given already",
    ),
    (
        lambda run: gnnseg.train("planted", config_dir="nowhere"),
        "config_dir nowhere: no such folder",
    ),
    (lambda run: gnnseg.train("no-such-set"), "data=no-such-set: no such choice"),
    (
        lambda run: gnnseg.train(gnnseg.interactions(table(), **COLUMNS), ["head.segmets=3"]),
        "did you mean head.segments?",
    ),
    (
        lambda run: gnnseg.train(gnnseg.interactions(table(), **COLUMNS), ["lightgcn"]),
        "is no override; write key=value",
    ),
    (lambda run: gnnseg.train("given"), "is a table handed to gnnseg.train in Python"),
    (lambda run: gnnseg.load("nowhere"), "nowhere"),
    (lambda run: gnnseg.load(run.path / "run.json"), "not a run folder"),
    (lambda run: run.evaluate("tets"), "it is valid or test"),
    (lambda run: run.recommend_segment("one"), "has segments 1 to 3"),
    (lambda run: run.recommend("c0 ü", "5"), "k='5': must be a whole number"),
    (lambda run: run.recommend(3), "user '3' is not known to"),
    (lambda run: run.recommend(3), "somebody new brings a history"),
    (lambda run: run.assign({}), "nobody is in them"),
    (lambda run: run.assign({"anna": "Nr. 1"}), "has a text instead of a list of item ids"),
    (lambda run: run.assign({"anna": 1}), "has 1 instead of a list of item ids; write [1]"),
    (
        lambda run: run.assign({"user": ["a", None], "item": ["x", "y"]}),
        "histories, row 2: no user",
    ),
    (
        lambda run: run.assign({"user": ["a"], "item": ["x"], "weight": ["much"]}),
        "row 1: weight is no number: 'much'",
    ),
    (
        lambda run: run.assign({"user": ["a"], "item": ["x"], "weight": [-1]}),
        "set returns=subtract, drop or keep (in gnn",
    ),
    (
        lambda run: run.assign(pl.DataFrame({"who": ["a"], "item": ["Nr. 1"]})),
        "has no column 'user'",
    ),
    (
        lambda run: run.recommend("c0 ü", only=pl.DataFrame({"item": ["Nr. 1"]})),
        "only: is a DataFrame; give a list",
    ),
    (lambda run: run.recommend("c0 ü", only=["x"]), "none of its 1 items is known"),
    (lambda run: run.recommend("c0 ü", exclude=[f"Nr. {j}" for j in range(40)]), "leave no item"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
@pytest.mark.slow
def test_mistakes_are_one_sentence(run, number, here):
    ask, words = REFUSED[number]
    with pytest.raises(gnnseg.InputError) as caught:
        ask(run)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (here / "runs").exists() or not list((here / "runs").rglob("run.json"))


# --- the parts alone
# ------------------------------------------------------------------------------------------


def test_the_parts_serve_on_ones_own_tensors():
    """Encoder, head and objective as modules in somebody's own loop, and the loop itself, without
    configuration or files."""
    from gnnseg.graph import BipartiteGraph
    from gnnseg.models.encoders import LightGCN
    from gnnseg.models.heads import Segments
    from gnnseg.models.model import Model
    from gnnseg.models.objectives import Likelihood
    from gnnseg.rng import Rng
    from gnnseg.sparse import Csr
    from gnnseg.training.batching import Training
    from gnnseg.training.checkpoint import Checkpoint, State
    from gnnseg.training.events import TrainingEvents
    from gnnseg.training.loop import fit
    from gnnseg.training.settings import TrainerSettings
    from gnnseg.types import Batch, Features, Shape, Step

    draw = np.random.default_rng(0)
    user = np.repeat(np.arange(30), 6)
    item = np.concatenate([(u % 2) * 10 + draw.choice(10, 6, replace=False) for u in range(30)])
    pattern = Csr.of(user, item, (30, 20))
    graph, rng = BipartiteGraph(pattern), Rng(0)
    shape = Shape(30, 20, pattern.degrees()[1], width=8)
    encoder = LightGCN(
        shape, rng, dim=8, layers=2, layer_weights=None, init="normal", scale=0.1, alpha=0.5,
        beta=0.5, gamma=None,
        unit=False, dropout=0.0, attributes=None, social=0.0,
    )  # fmt: skip
    head = Segments(
        shape,
        rng,
        segments=2,
        beta="distribution",
        tied=False,
        top=None,
        centre=True,
        tau_alpha=0.15,
        tau_beta=0.2,
        tau=0.12,
    )
    objective = Likelihood(weights=None, degree_power=0.0)
    model = Model(encoder, head, objective, {})
    model.reset(graph, Features(), rng)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    batch = Batch(pattern.row, pattern.column, torch.full((180,), 1 / 180), pattern=pattern)
    for step in range(60):
        embeddings = encoder(graph, Features())
        loss = objective(Step(embeddings, head(embeddings)), batch, rng.at(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def two_kinds() -> bool:
        segment = head(encoder(graph, Features())).alpha.argmax(1)
        return len(set(segment[::2].tolist())) == len(set(segment[1::2].tolist())) == 1 and bool(
            segment[0] != segment[1]
        )

    assert two_kinds()
    model.load_state_dict(before)  # and the same by the loop
    settings = TrainerSettings(
        max_epochs=60,
        batch_size=None,
        eval_every=20,
        patience=None,
        monitor="mine/sharpness",
        schedule="constant",
        clip=None,
    )
    events = TrainingEvents(graph.pattern.row, graph.pattern.column, batch.weight)
    data, checkpoint = Training(graph, Features(), events), Checkpoint()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

    def sharpness(scorer) -> dict[str, float]:
        return {"mine/sharpness": float(scorer.alpha.max(1).values.mean())}

    state = fit(model, optimizer, data, settings, rng, State(), checkpoint, evaluate=sharpness)
    assert state.done
    model.load_state_dict(checkpoint.best)
    assert two_kinds()
