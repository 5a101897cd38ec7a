"""An encoder from a package outside: trained by its YAML, and new users are folded in."""

import importlib
import sys
from pathlib import Path

import polars as pl
import pytest

import gnnseg
from gnnseg.runs import schema
from gnnseg.testing import block_graph
from gnnseg.types import InputError

CODE = '''\
import torch
from gnnseg.encoders import EmbedsNewUsers, Encoder, ReadsWeights
from gnnseg.sparse import spmm
from gnnseg.types import Embeddings


class MyEncoder(Encoder, EmbedsNewUsers, ReadsWeights):
    """Free vectors, smoothed once over each user's items."""

    def __init__(self, shape, rng, *, dim: int = 32, spread: float = 0.1):
        super().__init__()
        self.width, g = dim, rng.torch("mine")
        self.user = torch.nn.Parameter(torch.randn(shape.users, dim, generator=g) * spread)
        self.item = torch.nn.Parameter(torch.randn(shape.items, dim, generator=g) * spread)

    def forward(self, graph, features, users=None, items=None, *, rng=None, noise=0.0):
        smoothed = self.user + self.received(graph, self.item)
        return Embeddings(smoothed, self.item, self.user, self.item)

    def embed_new_users(self, graph, embeddings, features):
        received = self.received(graph, embeddings.item_ID)
        return lambda own: own + received

    def received(self, graph, item):
        mean, _ = graph.normalised(1.0, 0.0)
        return spmm(graph.pattern, mean, item)
'''
YAML = """\
_target_: mylab.enc.MyEncoder
dim: 32
spread: 0.1
"""
SMALL = ["trainer.max_epochs=4", "trainer.eval_every=2", "head.segments=4", "threads=1"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package of README, and the folder of its YAML."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "__init__.py").touch()
    (tmp_path / "mylab" / "enc.py").write_text(CODE, "utf-8")
    (tmp_path / "my_conf" / "encoder").mkdir(parents=True)
    (tmp_path / "my_conf" / "encoder" / "mine.yaml").write_text(YAML, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("mylab", "mylab.enc"):
        sys.modules.pop(name, None)


def table():
    """Users of four segments and what they met."""
    p = block_graph(users=60, items=40, each=10)[0].pattern
    users, items = (f"u{u}" for u in p.row.tolist()), (f"i{i}" for i in p.column.tolist())
    return gnnseg.interactions(
        pl.DataFrame({"user": list(users), "item": list(items)}), user="user", item="item"
    )


def train(folder: Path, *overrides: str):
    given = ["encoder=mine", "allow=[mylab]", f"runs.root={folder / 'runs'}", *SMALL, *overrides]
    return gnnseg.train(table(), given, seed=0, config_dir=folder / "my_conf")


def test_it_trains_and_folds_new_users_in(package):
    run = train(package, "graph.weights=value")
    assert "-myencoder-" in run.path.name
    assert schema.check(run.path) == []
    new = {"somebody": ["i0", "i4", "i8"], "somebody else": ["i1"]}
    segments = run.assign(new)
    assert segments["user"].to_list() == list(new)
    assert segments["segment"].is_between(1, 4).all()
    lists = run.recommend(new, 5)
    assert lists.group_by("id").len()["len"].to_list() == [5, 5]
    assert not set(lists.filter(pl.col("id") == "somebody")["item"]) & set(new["somebody"])


def test_without_the_capability_it_trains_and_says_that_it_embeds_nobody_new(package):
    code = (package / "mylab" / "enc.py").read_text("utf-8")
    start, end = code.index("    def embed_new_users"), code.index("    def received")
    code = (code[:start] + code[end:]).replace("Encoder, EmbedsNewUsers, ", "Encoder, ")
    (package / "mylab" / "enc.py").write_text(code, "utf-8")
    run = train(package)
    said = "encoder myencoder: does not know how to embed users it was not trained on"
    with pytest.raises(InputError, match=said):
        run.assign({"somebody": ["i0"]})


def test_weights_it_does_not_read_are_refused(package):
    code = (package / "mylab" / "enc.py").read_text("utf-8").replace(", ReadsWeights)", ")")
    (package / "mylab" / "enc.py").write_text(code, "utf-8")
    said = "encoder=myencoder .* alike; .* or let the class inherit gnnseg.encoders.ReadsWeights"
    with pytest.raises(InputError, match=said):
        train(package, "graph.weights=value")


def test_a_former_name_is_refused_before_any_data_are_read(package):
    code = (package / "mylab" / "enc.py").read_text("utf-8").replace("embed_new_users", "newcomers")
    (package / "mylab" / "enc.py").write_text(code, "utf-8")
    said = r"mylab\.enc\.MyEncoder\.newcomers: is not asked for any more; call it embed_new_users"
    with pytest.raises(InputError, match=said):
        train(package)
