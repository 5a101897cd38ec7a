"""Evidence in a run: what the model was given is no evidence; tables, figures, and losing said."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.data.features import FeatureSettings
from gnnseg.evaluation.segments.association import DERIVED, READ
from gnnseg.report import compare, page, tables
from gnnseg.runs import schema
from gnnseg.runs.evidence import attributes
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.run import Run
from gnnseg.types import IdMap, InputError, Pairs, Split, Table

U, I = 40, 6


def ids(count: int) -> IdMap:
    return IdMap(np.arange(count).astype(str).astype(object))


def a_split() -> Split:
    """Users of an age and a group that some do not tell; 38 and 39 have no training."""
    g = np.random.default_rng(0)
    user = np.repeat(np.arange(U - 2), 2)
    item = np.stack([np.arange(U - 2) % 3, 3 + np.arange(U - 2) % 3], 1).ravel()
    one, when = np.ones(len(user)), np.arange(len(user)) * 86400.0
    pairs = Pairs(user, item, one, one.astype(np.int64), first=when, last=when)
    age = np.where(np.arange(U) % 5 == 0, np.nan, g.normal(40, 10, U))
    group = np.array([None if u % 4 == 0 else "ab"[u % 2] for u in range(U)], dtype=object)
    people = Table({"age": age, "group": group, "all alike": np.array(["x"] * U, dtype=object)})
    kind = Table({"kind": np.array(["k", "l"] * 3, dtype=object)})
    return Split(
        name="toy", users=ids(U), items=ids(I), train=pairs, valid=pairs, test=pairs,
        user_table=people, item_table=kind,
    )  # fmt: skip


def described(settings: FeatureSettings, read: FeatureSettings | None = None) -> dict:
    split = a_split()
    everything = settings.fit(split, split.train, lambda line: None)
    encoding = None if read is None else read.fit(split, split.train, lambda line: None).encoding
    given = Inputs(
        None, described=everything, **({} if encoding is None else {"encoding": encoding})
    )
    return {each.name: each for each in attributes(given, split.train)}


def test_what_is_derived_or_read_is_given_and_only_that() -> None:
    found = described(FeatureSettings())
    why = {name: each.why for name, each in found.items()}
    assert why.pop("age") is None
    assert why.pop("group") is None
    assert set(why.values()) == {DERIVED}
    assert {"frequency", "recency", "shares of kind"} & set(why)
    read = described(FeatureSettings(), FeatureSettings(only=["group"]))
    assert read["group"].why == READ
    assert read["age"].why is None  # kept from the encoder: it tells from outside
    assert read["recency"].why == DERIVED


def test_those_of_whom_it_is_not_known_and_the_untrained_are_left_out() -> None:
    found = described(FeatureSettings())
    trained = np.arange(U) < U - 2
    assert found["age"].known.tolist() == (trained & (np.arange(U) % 5 != 0)).tolist()
    assert found["group"].known.tolist() == (trained & (np.arange(U) % 4 != 0)).tolist()
    assert found["age"].matrix.shape == (U, 1)
    assert found["group"].classes
    assert found["group"].matrix.shape == (U, 2)
    assert (found["group"].matrix[found["group"].known] != 0).sum(1).tolist() == [1] * int(
        found["group"].known.sum()
    )
    assert "all alike" not in found


def test_text_is_known_where_there_is_some() -> None:
    found = described(FeatureSettings(text=["group"], buckets=8))
    assert not found["group"].classes
    assert found["group"].known.sum() == found["age"].known.sum() - 2 or found["group"].known.any()
    assert not found["group"].known[0]


def test_settings_that_leave_nothing_out() -> None:
    assert not FeatureSettings().leaves_out
    for settings in (FeatureSettings(only=["age"]), FeatureSettings(without=["age"]),
                     FeatureSettings(attributes=False)):  # fmt: skip
        assert settings.leaves_out
        assert settings.all == FeatureSettings()


SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "encoder.dim=16", "threads=1", "trainer.eval_every=1",
]  # fmt: skip
UNTRAINED = ["encoder.init=normal", "trainer.max_epochs=1", "optimizer.lr=1e-9"]
OWN = "baselines={mine: {_target_: gnnseg.models.baselines.popularity.Popularity}}"


def train(root: Path, capsys: pytest.CaptureFixture[str], *overrides: str) -> tuple[Path, str]:
    assert main(["train", f"runs.root={root}", *SMALL, *overrides]) == 0
    out, err = capsys.readouterr()
    return Path(out.strip()), err


@pytest.mark.slow
def test_a_run_with_segments_has_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["data.group_signal=0.5", "data.noise_columns=1", "trainer.max_epochs=10"]
    path, err = train(tmp_path, capsys, "head.segments=4", *extra)
    assert schema.check(path) == []
    run = Run.load(path)
    assert "popularity" not in {row["name"] for row in run.record["losing"]}
    assert ("this run (" in err) == bool(run.record["losing"])
    groups, tested = run.groups(), run.profiles("attribute")
    overall = (groups["n"] * groups["ndcg@20"]).sum() / groups["n"].sum()
    assert overall == pytest.approx(run.metrics["test/ndcg@20"])
    assert groups["modularity"].sum() == pytest.approx(run.metrics["segment/modularity"])
    assert run.metrics["segment/conductance"] == pytest.approx(groups["conductance"].mean())
    known = {row["attribute"]: row for row in tested.iter_rows(named=True)}
    assert known["group"]["p_holm"] < 0.05 < known["noise 1"]["p"]
    assert known["frequency"]["given"]
    assert run.metrics["segment/attributes_tested"] == 3
    assert run.metrics["segment/truth_alpha_tv"] < 0.5
    assert run.metrics["segment/recovery_ari"] <= run.metrics["segment/bayes_ari"] + 0.05
    assert run.metric("segment/2/ndcg@20") == groups["ndcg@20"][1]
    assert run.metric("segment/association/group") == known["group"]["value"]
    assert run.metric("segment/association/group/p_holm") == known["group"]["p_holm"]
    with pytest.raises(InputError, match=r"did you mean .*segment/2/ndcg@20"):
        run.metric("segment/2/ndgc@20")
    assert main(["segments", str(path)]) == 0
    said = capsys.readouterr().out
    assert "evidence by segment" in said
    assert "no: derived from the training interactions" in said
    text = page.render(path)
    assert "Evidence by segment" in text
    assert "Segments and what is known of people" in text
    again, _ = train(tmp_path, capsys, "head.segments=4", *extra, "--fresh")
    assert pl.read_parquet(again / "evidence.parquet").equals(
        pl.read_parquet(path / "evidence.parquet")
    )


@pytest.mark.slow
@pytest.mark.parametrize("head", ["dot", "segments"])
def test_losing_is_said_first(
    head: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, err = train(tmp_path, capsys, f"head={head}", OWN, *UNTRAINED)
    record = json.loads((path / "run.json").read_text("utf-8"))
    assert {"popularity", "mine"} <= {row["name"] for row in record["losing"]}
    for row in record["losing"]:
        assert row["metric"] == "test/ndcg@20"
        assert row["value"] == record["metrics"]["test/ndcg@20"] <= row["theirs"]
        assert row["theirs"] == record["baselines"][row["name"]]["test/ndcg@20"]
        assert 0 < row["p"] <= 1
    said = tables.run(path).splitlines()[0]
    assert said.startswith("On ndcg@20 this run (")
    assert "'popularity' (0." in said
    assert "'mine'" in said
    assert said in err.splitlines()
    text = page.render(path)
    alert = text.index('role="alert"')
    assert text.index("On ndcg@20 this run") < text.index('class="kpis"')
    assert text[alert:].startswith('role="alert">On ndcg@20 this run')
    assert main(["show", str(path), "test/ndcg@20"]) == 0
    shown = capsys.readouterr()
    assert float(shown.out) == pytest.approx(record["metrics"]["test/ndcg@20"])
    assert shown.err.strip() == said
    assert main(["show", str(path), "test/recall@20"]) == 0
    assert capsys.readouterr().err == ""
    header, row = compare.table([path], form="csv").splitlines()
    assert header.endswith(",not above")
    assert "popularity" in row
    _, err = train(tmp_path, capsys, f"head={head}", OWN, *UNTRAINED)  # found finished
    assert said in err
    assert (path / "evidence.parquet").exists() == (head == "segments")


@pytest.mark.slow
def test_a_head_of_clusters_does_not_lose_to_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = train(tmp_path, capsys, "head=posthoc", "head.segments=4", *UNTRAINED)
    record = json.loads((path / "run.json").read_text("utf-8"))
    assert "posthoc (own embeddings)" not in {row["name"] for row in record["losing"]}


ODD = {
    "one segment": ["head.segments=1"],
    "more segments than anybody needs": ["head.segments=60"],
    "no ranking of users": ["head.segments=4", "evaluation.metrics=[coverage]",
                            "trainer.monitor=valid/coverage@20"],
    "the smallest is best": ["head.segments=4", "trainer.monitor=valid/gini@20"],
    "affinity": ["head.segments=3", "head.beta=affinity"],
    "chosen on the test": ["head.segments=4", "evaluation.protocol=paper"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_runs_have_their_evidence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = train(tmp_path, capsys, *ODD[name], "trainer.max_epochs=1")
    assert schema.check(path) == []
    record = json.loads((path / "run.json").read_text("utf-8"))
    segment = {n: v for n, v in record["metrics"].items() if n.startswith("segment/")}
    assert all(math.isfinite(value) for value in segment.values())
    assert "Evidence by segment" in page.render(path)
    assert main(["segments", str(path)]) == 0
    assert ("segment/conductance" in segment) == (name != "one segment")
    assert ("segment/truth_beta_tv" in segment) == (name != "affinity")


def test_a_folder_of_before_has_none(make_run) -> None:
    path, scorer = make_run()
    run = Run(path, scorer)
    assert run.groups().columns[-1] == "prototype"
    assert tables.evidence(path) == ""
    assert "Evidence by segment" not in page.render(path)
    with pytest.raises(InputError, match=r"associations.parquet: not there"):
        run.profiles("attribute")
    assert not tables.run(path).startswith("On ")
    assert compare.losing.counted([run.record]) == ""


def test_names_from_the_data_are_escaped(make_run) -> None:
    path, _ = make_run()
    evil = "\"'><img src=x>"
    row = {
        "attribute": evil, "measure": "eta2", "value": 0.1, "chance": 0.01, "p": 0.001,
        "p_holm": 0.002, "users": 9, "levels": None, "given": True, "why": evil,
    }  # fmt: skip
    pl.DataFrame([row], schema=schema.types("associations.parquet")).write_parquet(
        path / "associations.parquet"
    )
    record = json.loads((path / "run.json").read_text("utf-8"))
    record["losing"] = [
        {"name": evil, "metric": "test/ndcg@20", "value": 0.1, "theirs": 0.2, "p": None}
    ]
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    text = page.render(path)
    assert "Segments and what is known of people" in text
    assert "<img" not in text
