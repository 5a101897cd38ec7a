import json
import math

import numpy as np
import polars as pl
import pytest
import torch

from gnnseg.runs import recommend
from gnnseg.runs.explain import EXPLAINED
from gnnseg.runs.lists import LISTS
from gnnseg.runs.run import Run
from gnnseg.types import InputError, Scorer

KINDS = ["distribution", "membership", "affinity", "hybrid", "dot"]


@pytest.fixture
def run(make_run):
    return Run(*make_run())


STABLE = {
    "alpha", "assign", "attributes", "audience", "beta", "cards", "evaluate", "explain", "groups",
    "history", "labels", "members", "metric", "offpolicy", "profiles", "recommend",
    "recommend_segment", "segments", "split", "stream", "user", "write",
}  # fmt: skip


def test_a_run_has_its_stable_names_and_few_others(run):
    attributes = {"stored", "plot"}
    public = {name for name in dir(Run) if not name.startswith("_")} - attributes
    assert public == STABLE | {"load"}
    for each in Run.__mro__[:-1]:  # each class is read in one sitting
        assert len([name for name in vars(each) if not name.startswith("_")]) <= 20
    assert run.path.is_dir()
    assert run.record["metrics"].keys() == run.metrics.keys()


def slow_lists(run, scorer, users, k, masked):
    """Item by item: score, then item number; what was seen is left out."""
    pairs = set(zip(run.stored.pairs["user"].tolist(), run.stored.pairs["item"].tolist()))
    found = []
    for u in users:
        scores = [
            float(scorer.pairs(torch.tensor([u]), torch.tensor([j]))[0])
            for j in range(len(run.stored.items))
        ]
        order = sorted(range(len(run.stored.items)), key=lambda j: (-scores[j], j))
        kept = [j for j in order if not masked or (u, j) not in pairs][:k]
        found += [(f"u{u}", rank, f"i{j}", scores[j]) for rank, j in enumerate(kept, 1)]
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seen", ["mask", "allow"])
def test_recommend_equals_the_slow_lists(make_run, kind, seen):
    run = Run(*make_run(kind))
    frame = run.recommend(["u3", "u0"], 7, seen)
    assert dict(frame.schema) == LISTS
    expected = slow_lists(run, run.stored.scorer, [3, 0], 7, seen == "mask")
    assert frame.select("id", "rank", "item").rows() == [row[:3] for row in expected]
    np.testing.assert_allclose(frame["score"], [row[3] for row in expected], rtol=1e-4)


def test_seen_items_are_left_out_and_short_lists_are_not_padded(run):
    everything = run.recommend("u1", 10**6)
    seen = set(run.stored.pairs["item"][run.stored.pairs["user"] == 1].tolist())
    assert seen
    assert set(everything["item"]) == {f"i{j}" for j in range(25)} - {f"i{j}" for j in seen}
    assert len(run.recommend("u1", 10**6, "allow")) == 25


def test_ties_go_to_the_lower_item_number(make_run):
    class Constant(Scorer):
        def block(self, users, items=None):
            return torch.zeros(len(users), 25)

        def pairs(self, users, items):
            return torch.zeros(items.shape)

        def edges(self, pattern):
            return torch.zeros(pattern.entries)

    path, _ = make_run()
    run = Run(path, Constant())
    assert run.recommend("u2", 4, "allow")["item"].to_list() == ["i0", "i1", "i2", "i3"]


def test_names_stand_beside_the_ids(run):
    frame = run.recommend("u0", 25, "allow").sort("item")
    names = dict(frame.select("item", "name").rows())
    assert names["i0"] == "<script>"
    assert names["i3"] == "i3"  # has none: its id
    assert names["i7"] == "The item 7"


@pytest.mark.parametrize("kind", ["distribution", "membership", "affinity", "hybrid"])
def test_recommend_segment_ranks_by_divergence_from_everyone(make_run, kind):
    path, scorer = make_run(kind)
    run = Run(path, scorer)
    alpha, beta = scorer.alpha.double(), scorer.beta.double()
    for segment in (1, 3):
        scores = []
        for j in range(25):
            everyone = sum(float(alpha[:, c].mean() * beta[c, j]) for c in range(3))
            own = float(beta[segment - 1, j])
            scores.append(own - everyone if kind == "affinity" else own * math.log(own / everyone))
        order = sorted(range(25), key=lambda j: (-scores[j], j))[:6]
        frame = run.recommend_segment(segment, 6)
        assert frame["item"].to_list() == [f"i{j}" for j in order]
        assert frame["id"].unique().to_list() == [str(segment)]
        assert frame["kind"].unique().to_list() == ["segment"]
        np.testing.assert_allclose(frame["score"], [scores[j] for j in order], rtol=1e-4, atol=1e-7)


def test_what_everyone_wants_is_not_beyond(make_run):
    """An item that each segment wants alike scores 0, however popular; one that a segment alone
    wants comes first."""
    path, _ = make_run()
    from safetensors.torch import save_file

    beta = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.1, 0.3]])
    save_file({"alpha": torch.full((12, 2), 0.5), "beta": beta}, path / "scores.safetensors")
    found = Run(path).recommend_segment(1, 3)
    assert found["item"].to_list() == ["i1", "i0", "i2"]
    assert found["score"][1] == pytest.approx(0)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_everybody_is_streamed_as_what_recommend_says(run, tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(recommend.ranking, "at_once", lambda items, device: 5)  # three chunks
    out = tmp_path / f"all{suffix}"
    written = run.write(run.stream(None, 4), out)
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}[suffix](out)
    expected = run.recommend(run.stored.users.ids.tolist(), 4)
    assert written == out
    assert read.drop("score").rows() == expected.drop("score").rows()
    np.testing.assert_allclose(read["score"], expected["score"])
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_stream_never_holds_more_than_a_chunk(run, tmp_path, monkeypatch):
    monkeypatch.setattr(recommend.ranking, "at_once", lambda items, device: 2)
    asked = []
    scorer = run.stored.scorer
    monkeypatch.setattr(
        scorer, "sort_keys", lambda users: asked.append(len(users)) or scorer.block(users)
    )
    monkeypatch.setattr(scorer, "logits_of", lambda keys, items: keys)
    run.write(run.stream(None, 3), tmp_path / "all.csv")
    assert max(asked) == 2
    assert sum(asked) == 12


def test_write(run, tmp_path):
    path = run.write(run.segments(), tmp_path / "who.csv")
    assert (
        pl.read_csv(path).select("user", "segment").rows()
        == run.segments().select("user", "segment").rows()
    )


def test_a_write_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    out = tmp_path / "all.csv"
    out.write_text("what stood there before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recommend, "_lists", full)
    with pytest.raises(InputError, match="No space left"):
        run.write(run.stream(), out)
    assert out.read_text() == "what stood there before"
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("kind", ["distribution", "membership", "affinity", "hybrid"])
def test_explain_adds_up(make_run, kind):
    path, scorer = make_run(kind)
    frame = Run(path, scorer).explain("u4", "i9")
    assert dict(frame.schema) == EXPLAINED
    parts = {
        row["part"]: row["value"]
        for row in frame.filter(pl.col("segment").is_null()).iter_rows(named=True)
    }
    segments = frame.filter(pl.col("segment").is_not_null())
    assert segments["segment"].sort().to_list() == [1, 2, 3]
    assert segments["part"].to_list() == [f"segment {k}" for k in segments["segment"]]
    rows = torch.tensor([4]), torch.tensor([9])
    assert parts["score"] == pytest.approx(float(scorer.pairs(*rows)), rel=1e-5)
    if kind == "affinity":
        assert not segments["share"].any()
        assert segments["value"].sum() + parts["bias"] == pytest.approx(parts["score"], rel=1e-4)
        return
    assert segments["share"].all()
    assert segments["value"].sum() == pytest.approx(1, abs=1e-5)
    each = [float(scorer.alpha[4, c] * scorer.beta[c, 9]) for c in range(3)]
    for segment, value in segments.select("segment", "value").rows():
        assert value == pytest.approx(each[segment - 1] / sum(each), rel=1e-4)
    assert segments["value"].to_list() == sorted(segments["value"], reverse=True)
    if kind == "hybrid":
        assert set(parts) == {"segments", "personal", "score"}
        assert parts["segments"] + parts["personal"] == pytest.approx(parts["score"], rel=1e-4)
    else:
        assert set(parts) == {"bias", "score"}


def test_frames_speak_of_segments_from_1(run):
    assert run.segments()["segment"].min() >= 1
    assert run.segments().columns == ["user", "segment", "reason", "alpha_1", "alpha_2", "alpha_3"]
    np.testing.assert_allclose(run.alpha.sum(1), 1, rtol=1e-5)
    assert run.alpha.shape == (12, 3)
    assert run.beta.shape == (3, 25)
    assert run.groups()["people"].sum() == 12
    assert run.history()["epoch"].to_list() == list(range(1, 9))


def test_metrics(run):
    assert run.metric("test/ndcg@20") == 0.29
    assert math.isnan(run.metric("test/revenue@20"))
    with pytest.raises(InputError, match=r"no metric 'test/ndgc@20'; did you mean .*test/ndcg@20"):
        run.metric("test/ndgc@20")


def test_evaluate_equals_a_loop(make_run):
    run = Run(*make_run("membership"))
    frame = run.evaluate(ks=[4])
    found = dict(frame.select("metric", "value").rows())
    pairs = {p: {} for p in range(3)}
    for u, i, p in zip(
        run.stored.pairs["user"].tolist(),
        run.stored.pairs["item"].tolist(),
        run.stored.pairs["part"].tolist(),
    ):
        pairs[p].setdefault(u, set()).add(i)
    recalls = []
    for u, relevant in pairs[2].items():
        if u not in pairs[0]:
            continue  # cold
        hidden = pairs[0].get(u, set()) | pairs[1].get(u, set())
        scores = run.stored.scorer.block(torch.tensor([u]))[0].tolist()
        best = [j for j in sorted(range(25), key=lambda j: (-scores[j], j)) if j not in hidden][:4]
        recalls.append(len(relevant & set(best)) / len(relevant))
    assert found["test/recall@4"] == pytest.approx(np.mean(recalls))
    assert frame["protocol"].unique().to_list() == ["clean"]
    assert "valid/recall@4" in run.evaluate("valid", ks=[4])["metric"].to_list()
    masked_less = run.evaluate(protocol="train-mask", ks=[4])
    assert masked_less["protocol"].unique().to_list() == ["train-mask"]


REFUSED = [
    (lambda run: run.recommend("u99"), r"user 'u99' is not known to a-run; did you mean u9"),
    (lambda run: run.recommend("u0", 0), "k=0: a list has at least 1 item"),
    (lambda run: run.recommend("u0", seen="perhaps"), "seen=perhaps: it is mask"),
    (lambda run: run.explain("u0", "zzz"), r"item 'zzz' is not known to a-run$"),
    (lambda run: run.explain("u0", "The item 7"), "that is the name of item i7"),
    (lambda run: run.recommend_segment(4), "segment 4: a-run has segments 1 to 3"),
    (lambda run: run.recommend_segment(0), "segment 0: a-run has segments 1 to 3"),
    (
        lambda run: run.write(run.stream(), "all.pdf"),
        r"all\.pdf: unknown kind of file; end its name in \.parquet",
    ),
    (lambda run: run.write(run.stream(), "no-such-folder/all.csv"), "no such folder"),
    (lambda run: run.evaluate(protocol="paper"), "cannot be evaluated as paper; train again"),
    (lambda run: run.evaluate(protocol="cleen"), "it is one of clean, paper, train-mask"),
]


@pytest.mark.parametrize(("ask", "sentence"), REFUSED)
@pytest.mark.slow
def test_mistakes_are_one_sentence(run, ask, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        ask(run)
    assert "\n" not in str(caught.value)


def test_a_run_without_segments_says_so(make_run):
    run = Run(*make_run("dot"))
    for ask in (
        lambda: run.alpha,
        lambda: run.recommend_segment(1),
        lambda: run.explain("u0", "i1"),
        run.segments,
    ):
        with pytest.raises(InputError):
            ask()
    assert len(run.recommend("u0", 5)) == 5


def test_load_wants_a_finished_run(make_run, tmp_path):
    path, _ = make_run()
    assert Run.load(path).stored.state == "finished"
    record = json.loads((path / "run.json").read_text("utf-8"))
    (path / "run.json").write_text(json.dumps(record | {"state": "interrupted"}), "utf-8")
    with pytest.raises(InputError, match="this run is interrupted, not finished"):
        Run.load(path)
    with pytest.raises(InputError, match="not a run folder"):
        Run.load(tmp_path / "nowhere")


def test_a_run_says_its_figures_at_the_length_of_its_own_lists(make_run):
    path, _ = make_run()
    assert "test/recall@20 0.3300, test/ndcg@20 0.2900" in repr(Run(path))
    record = json.loads((path / "run.json").read_text("utf-8"))
    record["metrics"] = {"test/ndcg@5": 0.1, "test/ndcg@10": 0.2, "test/recall@10": 0.25}
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    assert repr(Run(path)) == "Run(a-run: test/recall@10 0.2500, test/ndcg@10 0.2000)"
