"""Runs keep the names they had: every choice of conf/, every experiment, hashed as before."""

import json
from pathlib import Path

import pytest

from gnnseg.config import compose, conf_folder
from gnnseg.config.stable import MODULES, current, recorded, stable, upgraded
from gnnseg.runs import identity as identities
from gnnseg.runs.identity import identity

STORED = json.loads((Path(__file__).parent / "hashes.json").read_text("utf-8"))
FIRST = {"init": ("spectral", "normal")}
DEFAULTS = {  # by part: today's, and of the day of the hashes
    "Linear": FIRST,
    "DNN": FIRST,
    "TwoTower": FIRST,
    "Segments": {
        "tau_alpha": (0.12, 0.15),
        "start": ("k-means", "varimax"),  # of experiment=policy: then the only one, not said
    },
    "Dot": {"tau": (None, 0.12)},
    "Posthoc": {"tau": (None, 0.12)},
    "Hybrid": {"tau_beta": (1.0, 0.2), "tau": (None, 0.12)},
    "LightGCN": {"dim": (128, 64)},
}
CHOICES = [
    f"{folder.name}={path.stem}"
    for folder in sorted(conf_folder().iterdir())
    if folder.is_dir() and folder.name not in ("tracking", "hparams")
    for path in sorted(folder.glob("*.yaml"))
]


@pytest.mark.parametrize("overrides", STORED)
@pytest.mark.slow
def test_a_run_is_called_what_it_was_called_before(overrides, monkeypatch):
    monkeypatch.setattr(identities, "NUMERICS", 7)  # of the day the hashes were stored
    config = compose(overrides.split())
    for part in (config["head"], config["encoder"]):
        kind = part["_target_"].rpartition(".")[2]
        for setting, (today, then) in DEFAULTS.get(kind, {}).items():
            if part[setting] == today:
                part[setting] = then
    assert identity(config, "0" * 64) == STORED[overrides]


@pytest.mark.parametrize("name", MODULES)
def test_old_and_new_names_are_of_one_part(name):
    assert stable(current(name)) == name
    assert current(current(name)) == current(name)
    assert stable(name) == name


def test_somebody_elses_names_stand_as_they_are():
    for name in ("mylab.enc.MyEncoder", "torch.optim.Adam", "gnnsegment.encoders.X"):
        assert stable(name) == name == current(name)


def test_a_recorded_configuration_comes_back_as_it_is_written_today():
    config = compose(["regularisers.labels.weight=1"])
    assert recorded(config)["encoder"]["_target_"] == "gnnseg.encoders.lightgcn.LightGCN"
    assert upgraded(recorded(config)) == config


def test_a_setting_that_was_renamed_keeps_hashes_and_old_runs():
    config = compose(["objective=policy", "objective.pessimism=-1"])
    assert recorded(config)["objective"]["caution"] == -1
    assert "pessimism" not in recorded(config)["objective"]
    assert upgraded(recorded(config)) == config


LATER = ("lightgcl", "ncl_structure", "ncl_prototypes", "independence")


@pytest.mark.parametrize("name", LATER)
def test_a_term_that_came_later_is_recorded_where_it_weighs(name):
    without, weighed = compose([]), compose([f"regularisers.{name}.weight=0.1"])
    assert name not in recorded(without)["regularisers"]
    assert upgraded(recorded(without)) == without
    node = recorded(weighed)["regularisers"][name]
    assert node["_target_"].startswith("gnnseg.objectives.")
    assert upgraded(recorded(weighed)) == weighed


def test_a_run_of_a_baseline_has_no_terms_that_came_later():
    config = compose(["baseline=ease"])
    assert upgraded(recorded(config)) == config
