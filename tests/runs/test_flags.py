"""Flags behind ``gnnseg train``: taken out in any order, or refused; shown jobs are not trained."""

from pathlib import Path

import pytest

from gnnseg.cli import main
from gnnseg.runs import command, flags, jobs
from gnnseg.types import InputError

SMALL = ["data=planted", "head.segments=4", "trainer.max_epochs=2"]


@pytest.fixture(autouse=True)
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def never(*given: object, **more: object) -> int:
        raise AssertionError("nothing is to be trained")

    monkeypatch.setattr("gnnseg.runs.train.train", never)
    monkeypatch.chdir(tmp_path)


def test_flags_stand_anywhere_and_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    found = flags.sort(
        [
            "a.csv",
            "--info",
            "seed=1,2",
            "--user",
            "-m",
            "-m",
            "--config-dir",
            str(tmp_path),
            "--sep",
        ]
    )
    assert found.rest == ["a.csv", "seed=1,2", "--user", "-m", "--sep"]
    assert (found.many, found.info, found.folders) == (True, "all", [tmp_path])
    assert flags.sort(["--info", "defaults", "x=1"]).info == "defaults"
    assert flags.sort(["-c", "job", "-p", "trainer"]).package == "trainer"
    assert not flags.sort(["--fresh"]).shows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "-x"], "-x: no such option"),
        (["--config-dir"], "--config-dir: the folder is missing behind it"),
        (["-cd"], "--config-dir: the folder is missing behind it"),
        (["--config-dir="], "--config-dir: the folder is missing behind it"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["--cfg", "jab"], "--cfg jab: shows one of job, hydra, all"),
        (["--cfg"], "--cfg : shows one of job"),
        (["--info=serchpath"], "--info serchpath: no such thing; did you mean searchpath?"),
        (["--resolve"], "--resolve: says how --cfg shows a configuration; add --cfg job"),
        (["--cfg", "job", "--info"], "--cfg: --info is given too"),
        (["--config-name", "mine"], "--config-name: gnnseg has one configuration"),
        (["--seed", "3"], "--seed: is a setting, not an option; write seed=3."),
        (
            ["--max-epochs=3"],
            "--max-epochs: is a setting, not an option; write trainer.max_epochs=3",
        ),
        (["--seed", "-m"], "--seed: is a setting, not an option; write seed=…."),
        (
            ["data=planted", "seed:3"],
            "seed:3: is neither a file nor a setting; did you mean seed=3?",
        ),
        (["data=planted", "stray"], "stray: no such file; check the path, or write a setting as"),
        (["lightgcn"], "lightgcn: is neither a file nor a setting; did you mean encoder=lightgcn?"),
        (["encoder"], "encoder: is neither a file nor a setting; did you mean encoder=…?"),
    ],
)
def test_what_is_no_flag_or_setting_is_one_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_the_version_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--version"]) == 0
    assert capsys.readouterr().out.startswith("gnnseg ")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--cfg", "job", "-p", "seed"], ["# job 0: seed=4\n4\n---\n# job 1: seed=5\n5"]),
        (["--cfg=job", "--package=trainer.patience"], ["null"]),
        (["--info", "defaults"], ["head/segments"]),
        (["--info"], ["Search path", "head/segments", "patience: null"]),
        (["--cfg", "hydra", "-p", "hydra.run"], ["dir: ."]),
    ],
)
def test_a_sweep_that_is_shown_is_not_trained(
    words: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-m", "seed=4,5", *words]) == 0
    out = capsys.readouterr().out
    assert [part for part in shown if part not in out.replace("None", "null")] == []
    assert list(Path.cwd().iterdir()) == []


def test_what_is_shown_is_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "head.beta=affinity", "--cfg", "job", "-p", "objective"]) == 0
    assert "SampledSoftmax" in capsys.readouterr().out


def check(*overrides: str) -> list[str]:
    said: list[str] = []
    jobs.check_first([*SMALL, *overrides], [], said.append)
    return said


def test_jobs_that_cannot_be_meant_are_said_before_the_first_runs() -> None:
    assert check("seed=0,1") == []
    assert check("head.segments=4,4.0") == [
        "1 of 2 jobs cannot be meant and will not run:",
        "job 1 (head.segments=4.0): head.segments=4.0: must be a whole number.",
    ]
    assert "encoder.dim is 0" in check("encoder.dim=0,8")[1]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["encoder.dim=0,-1"], "encoder.dim is 0: .*; 1 more cannot be meant; nothing was trained"),
        (
            ["seed=0,1", "optimizer.lr=nan"],
            r"^optimizer\.lr=nan: must be a finite number, to be recorded\.$",
        ),
        (["optimizer.lr=1,nan", "sweep.fail_fast=true"], r"^job 1 \(optimizer\.lr=nan\): "),
        (["experiment=film,shpo"], "experiment=shpo: no such choice"),
        (
            ["seed=0,1,"],
            r"^seed=0,1,: cannot be read .* as in 'seed=\"0,1,\"', or take the comma at its end",
        ),
        (["seed=0,1", "data.name=a(b"], r"as in 'data\.name=\"a\(b\"'\.$"),
    ],
)
def test_a_sweep_without_a_job_to_run_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check(*overrides)


def test_a_named_set_and_a_file_make_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    Path("orders.yaml").write_text(
        "# @package _global_\ndefaults: [file, _self_]\ndata: {name: orders, path: orders.csv}\n"
    )
    for words in ("planted,./orders.yaml", "choice(planted,./orders.yaml)"):
        asked = ["-m", f"data={words}", "cache.root=.cache", "--cfg", "job", "-p", "data.name"]
        assert command.run(asked, say=print, show=print) == 0
        assert [
            line for line in capsys.readouterr().out.split() if line in ("planted", "orders")
        ] == ["planted", "orders"]


@pytest.mark.parametrize(
    "setting", ["head.segments=0", "encoder.dim=0", "head.tau_alpha=0", "encoder.layers=-1"]
)
def test_values_that_no_model_takes_are_refused_without_data(
    setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "data=ml-100k", "data.root=/nowhere", setting]) == 2
    *_, said = capsys.readouterr().err.splitlines()
    assert said.startswith(f"gnnseg: {setting.partition('=')[0]} is ")
