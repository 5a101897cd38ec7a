"""Graph encoders in a whole run: the folder answers alone, new users are embedded, what is missing
is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import gnnseg
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.rng import Rng
from gnnseg.runs import assembly, persistence
from gnnseg.testing import block_graph
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = ["trainer.max_epochs=6", "trainer.eval_every=3", "encoder.dim=8", "threads=1"]


def a_set() -> Raw:
    """Users of four segments, items of a genre of theirs, genres that lie near each other."""
    graph, _ = block_graph(users=60, items=40, each=10)
    p = graph.pattern
    events = pl.DataFrame(
        {"user": [f"u{u}" for u in p.row.tolist()], "item": [f"i{i}" for i in p.column.tolist()]}
    )
    part = np.random.default_rng(0).choice(3, len(events), p=[0.8, 0.1, 0.1]).astype(np.int8)
    items = np.arange(40)
    ones = np.ones(40)
    is_of = pl.DataFrame(
        {"source": [f"i{i}" for i in items], "target": [f"g{i % 4}" for i in items], "weight": ones}
    )
    near = pl.DataFrame({"source": ["g0", "g1"], "target": ["g2", "g3"], "weight": [1.0, 2.0]})
    relations = (
        RawRelation(name="is of", source_kind="item", target_kind="genre", edges=is_of),
        RawRelation(name="is near", source_kind="genre", target_kind="genre", edges=near),
    )
    return Raw(name="toy", events=events.with_columns(part=part), relations=relations)


def train(tmp_path: Path, *overrides: str, raw: Raw | None = None) -> Any:
    return gnnseg.train(
        raw or a_set(), ["split=given", f"runs.root={tmp_path}", *SMALL, *overrides]
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=sage", "head=dot", "encoder.neighbours=[3,2]"],
        ["encoder=pinsage"],
        ["encoder=rgcn"],
        ["encoder=rgcn", "encoder.relations=merged", "graph.relations=[is of]"],
        ["encoder=pyg", "encoder.heads=2"],
    ],
    ids=["sage, sampled", "pinsage", "rgcn", "rgcn, merged", "pyg"],
)
@pytest.mark.slow
def test_a_runs_folder_answers_alone(overrides: list[str], tmp_path: Path) -> None:
    run = train(tmp_path, *overrides)
    own = run.split()
    given = persistence.restore(run.path, run.stored.config, own)
    model = assembly.assemble(run.stored.config, given.shape, Rng(int(run.stored.config["seed"])))
    model.load_state_dict(load_file(run.path / "model.safetensors"))
    model.eval()
    with torch.no_grad():
        again = model.embed(given.graph, given.features)
    stored = load_file(run.path / "scores.safetensors")
    torch.testing.assert_close(again.user_UD, stored["user"], atol=1e-6, rtol=1e-5)
    if "encoder=rgcn" in overrides:
        names = {flow.name for flow in given.graph.relations}
        assert names == (
            {"is of", "is of, back"}
            | (set() if len(overrides) > 1 else {"is near", "is near, back"})
        )
        assert given.graph.entities == {"genre": 4}
    new = run.recommend({"somebody": ["i0", "i4", "i8", "i12"]}, 5)
    assert new["item"].n_unique() == 5


@pytest.mark.parametrize("relations", ["typed", "merged"])
def test_relations_that_are_not_there_are_said(relations: str, tmp_path: Path) -> None:
    said = (
        "encoder=rgcn: reads typed relations, and toy has none; set encoder.relations=none, or "
        "give some beside"
    )
    with pytest.raises(InputError, match=said):
        train(
            tmp_path,
            "encoder=rgcn",
            f"encoder.relations={relations}",
            raw=replace(a_set(), relations=()),
        )


@pytest.mark.parametrize("name", ["is of", "to_user", "friends", "is of, back"])
def test_a_name_that_is_taken_is_said(name: str, tmp_path: Path) -> None:
    raw = a_set()
    twice = replace(raw, relations=(raw.relations[0], replace(raw.relations[1], name=name)))
    with pytest.raises(
        InputError,
        match=rf"data.relations: '{name}' names two kinds of edges, or the interactions'",
    ):
        train(tmp_path, "encoder=rgcn", raw=twice)


def test_a_relation_of_another_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"graph.relations: there is no relation 'was of'; the set has is near, is of",
    ):
        train(tmp_path, "encoder=rgcn", "graph.relations=[was of]")
