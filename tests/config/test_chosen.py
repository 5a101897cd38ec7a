"""Composed once a process, and yet what Hydra composes anew."""

import copy

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict

from gnnseg.config import compose
from gnnseg.config.composition import chosen
from gnnseg.config.composition.loading import loader


def by_hydra(overrides):
    """What Hydra makes of overrides, files and settings together, nothing kept."""
    with loader(overrides) as found:
        node = found.load_configuration("config", overrides, RunMode.RUN, from_shell=False)
    with open_dict(node):
        del node["hydra"]
    return OmegaConf.to_container(node, resolve=True)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["seed=1", "head.segments=5", "trainer.max_epochs=2"],
        ["head=dot", "~encoder.layers", "+encoder.extra=[1,{a: b}]", "runs.root='a=b,c'"],
        ["optimizer.lr=0.5", "optimizer={_target_: torch.optim.SGD, lr: 0.1}"],
        ["optimizer={_target_: torch.optim.SGD, lr: 0.1}", "optimizer.lr=0.5"],
        ["evaluation.ks=[5,20]", "data=planted", "data.users=100", "seed=2", "seed=3"],
        ["hydra.job.name=mine", "regularisers.l2.weight=0.1", "cache={root: here}"],
        ["~regularisers.l2", "+regularisers.mine={_target_: a.b, weight: 0.5}"],
    ],
    ids=str,
)
def test_settings_upon_kept_files_are_hydras_own_composition(overrides):
    for _ in range(2):  # made, then kept
        with loader(overrides) as found:
            node, _ = chosen.composed(found, overrides)
        assert OmegaConf.to_container(node, resolve=True) == by_hydra(overrides)


def test_files_are_read_once_and_nobody_changes_what_is_kept(monkeypatch):
    first = compose(["head=dot", "seed=1"])
    before = copy.deepcopy(first)
    first["head"]["tau"] = "changed"
    monkeypatch.setattr(
        "gnnseg.config.composition.precedence.ChoicesWin.load_configuration",
        lambda *_, **__: pytest.fail("read again"),
    )
    again = compose(["head=dot", "seed=1"])
    assert again == before
    assert compose(["head=dot", "seed=2"]) == {**before, "seed": 2}


def test_an_edited_file_is_read_again(tmp_path):
    path = tmp_path / "trainer" / "mine.yaml"
    path.parent.mkdir()
    for epochs in (3, 4):
        path.write_text(f"defaults: [default]\nmax_epochs: {epochs}\n", "utf-8")
        assert compose(["trainer=mine"], [tmp_path])["trainer"]["max_epochs"] == epochs


def test_the_environment_counts(tmp_path, monkeypatch):
    path = tmp_path / "experiment" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(
        "# @package _global_\ndefaults:\n  - override /encoder: ${oc.env:GNNSEG_MINE}\n"
        "seed: ${oc.decode:${oc.env:GNNSEG_SEED}}\n",
        "utf-8",
    )
    for encoder, seed in (("mf", 3), ("sage", 4)):
        monkeypatch.setenv("GNNSEG_MINE", encoder)
        monkeypatch.setenv("GNNSEG_SEED", str(seed))
        found = compose(["experiment=mine"], [tmp_path])
        assert found["encoder"]["_target_"].rpartition(".")[2].lower() == encoder
        assert found["seed"] == seed
    monkeypatch.setenv("GNNSEG_RUNS", "/elsewhere")
    assert compose([])["runs"]["root"] == "/elsewhere"
