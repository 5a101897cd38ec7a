"""What ``gnnseg doctor`` finds: each thing that may be wrong, with its remedy."""

import importlib.metadata
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from matplotlib import font_manager

from gnnseg import config
from gnnseg.cli import diagnosis
from gnnseg.cli.diagnosis import Finding, computing, installation, storage
from gnnseg.report import fonts as report_fonts
from gnnseg.runs import environment
from gnnseg.sparse import kernels, products

Usage = namedtuple("Usage", "total used free")


def only(findings) -> Finding:
    (finding,) = findings
    return finding


def bad(findings) -> list[Finding]:
    return [finding for finding in findings if finding.ok is False]


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch):
    """Versions of packages as one wishes them; None: not installed."""

    def pretend(**other: str | None) -> None:
        real = importlib.metadata.version

        def version(name: str) -> str:
            found = other[name] if name in other else real(name)
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return found

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def test_a_sound_machine_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        installation, "wandb", lambda: iter([Finding("wandb", True, "there")])
    )  # a second's process
    found = diagnosis.examine(tmp_path, tmp_path / "runs", tmp_path / "cache")
    assert bad(f for f in found if f.essential) == []
    areas = list(dict.fromkeys(f.area for f in found))
    assert areas == [
        "python", "packages", "hydra", "kernels", "device", "deterministic", "data", "runs.root",
        "cache.root", "fonts", "wandb", "extras",
    ]  # fmt: skip
    said = diagnosis.text(found)
    assert "gnnseg is ready to train: 0 bad" in said
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_an_old_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.platform, "python_version", lambda: "3.9.1")
    finding = only(installation.python())
    assert (finding.ok, finding.essential) == (False, True)
    assert "Python 3.9.1" in finding.text
    assert ">=3.11" in finding.advice


def test_a_missing_and_an_old_package_are_found(versions) -> None:
    versions(polars=None, numpy="1.19.0")
    missing, old = sorted(
        bad(installation.packages()), key=lambda finding: finding.text, reverse=True
    )
    assert (missing.text, missing.advice, missing.essential) == (
        "polars is not installed", "pip install 'polars>=1.20'", True,
    )  # fmt: skip
    assert (old.text, old.advice) == ("numpy is 1.19.0, not >=1.26", "pip install 'numpy>=1.26'")
    assert "ranx" not in str(list(installation.packages()))  # an extra is nobody's duty


def test_a_part_that_breaks_is_a_finding_and_the_others_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken():
        raise ModuleNotFoundError("No module named 'torch'")
        yield

    monkeypatch.setattr(computing, "kernels", broken)
    monkeypatch.setattr(installation, "wandb", broken)
    found = {
        f.area: f
        for f in diagnosis.examine(tmp_path, tmp_path, tmp_path)
        if f.area in ("kernels", "wandb", "extras")
    }
    assert (
        found["kernels"].text == "cannot be looked at: ModuleNotFoundError: No module named 'torch'"
    )
    assert found["kernels"].essential
    assert not found["wandb"].essential
    assert "extras" in found


def test_kernels_that_agree_and_kernels_by_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert only(computing.kernels()).text.startswith("cpu: spmm by ")
    assert max(computing.gaps("cpu").values()) <= computing.TOLERANCE
    monkeypatch.setattr(kernels, "there", lambda product, device, dtype: ("gather",))
    finding = only(computing.kernels())
    assert finding.ok is None
    assert "spmm by gathering, sddmm by gathering; as a dense computation has it" in finding.text
    monkeypatch.setattr(kernels, "_FASTEST", {})
    monkeypatch.setattr(
        kernels, "there", lambda product, device, dtype: tuple(kernels.KERNELS[product])
    )
    finding = only(computing.kernels())
    assert finding.ok
    assert (
        "spmm by the fastest of bags of embeddings, torch's CSR product, gathering, sddmm"
        in finding.text
    )
    real = kernels.KERNELS["sddmm"]
    wrong = real | {"CSR": lambda *given: real["CSR"](*given) + 1}
    monkeypatch.setitem(kernels.KERNELS, "sddmm", wrong)
    monkeypatch.setattr(kernels, "_seconds", lambda kernel, *_: float(kernel is wrong["CSR"]))
    finding = only(computing.kernels())  # not what is taken here, but it may be elsewhere
    assert finding.ok is False
    assert "sddmm by CSR differ from a dense computation" in finding.text


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("_product", "spmm, spmm's gradient, sddmm's gradient differ"),
        ("_sampled", "spmm's gradient, sddmm, sddmm's gradient differ"),
    ],
)
def test_a_kernel_that_computes_something_else_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: str, named: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    real = getattr(products, broken)
    monkeypatch.setattr(products, broken, lambda *arguments: real(*arguments) * 1.01)
    finding = only(computing.kernels())
    assert (finding.ok, finding.essential) == (False, True)
    assert named in finding.text


def test_a_kernel_that_gives_nan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(computing, "gaps", lambda device: {"spmm": float("nan")})
    assert only(computing.kernels()).ok is False


@pytest.mark.parametrize(
    ("built", "advice"), [(None, "install torch's CUDA build"), ("12.8", "does nvidia-smi list it")]
)
def test_no_cuda_has_its_reason(
    monkeypatch: pytest.MonkeyPatch, built: str | None, advice: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built)
    first, second = computing.device()
    assert "cores in use" in first.text
    assert second.ok is None
    assert second.text.startswith("runs on the CPU: ")
    assert advice in second.advice


def test_a_cuda_device_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        environment, "choose_device", lambda wanted: (torch.device("cuda"), "NVIDIA H100")
    )
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**33, 2**34))
    _, second = computing.device()
    assert second.ok
    assert "NVIDIA H100, 8.0 of 16.0 GiB free" in second.text


def test_deterministic_mode_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    assert only(computing.deterministic()).ok
    assert torch.are_deterministic_algorithms_enabled() == before

    def refused(device: str):
        raise RuntimeError("x does not have a deterministic implementation")

    monkeypatch.setattr(computing, "gaps", refused)
    finding = only(computing.deterministic())
    assert (finding.ok, finding.essential) == (False, False)
    assert "does not have a deterministic implementation" in finding.text
    assert torch.are_deterministic_algorithms_enabled() == before
    gaps = iter([{"spmm": 0.0}, {"spmm": 1e-9}])
    monkeypatch.setattr(computing, "gaps", lambda device: next(gaps))
    assert only(computing.deterministic()).ok is False


def test_sets_found_incomplete_and_missing(tmp_path: Path) -> None:
    root, cache = tmp_path / "data", tmp_path / "cache"
    for folder, files in (
        (root / "ml-1m", ["train.txt", "valid.txt", "test.txt"]),
        (root / "gowalla", ["train.txt"]),
        (cache / "sets" / "lastfm", ["train.txt", "valid.txt", "test.txt"]),
    ):
        folder.mkdir(parents=True)
        for file in files:
            (folder / file).touch()
    found = list(storage.data(root, cache))
    by_set = {f.text.partition(":")[0]: f for f in found}
    assert by_set["ml-1m"].text == f"ml-1m: in {root / 'ml-1m'}"
    assert by_set["lastfm"].text == f"lastfm: in {cache / 'sets' / 'lastfm'}"
    assert by_set["ml-1m-raw"].ok is None
    assert "gnnseg data fetch ml-1m-raw brings it from https://" in by_set["ml-1m-raw"].advice
    (incomplete,) = bad(found)
    assert incomplete.text == f"{root / 'gowalla'}: has train.txt but not valid.txt, test.txt"
    assert not incomplete.essential


def test_no_data_root_is_no_mistake(tmp_path: Path) -> None:
    first = next(storage.data(tmp_path / "none", tmp_path))
    assert first.ok is None
    assert "which does not exist" in first.text


def test_a_folder_that_cannot_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    finding = only(
        storage.folder("runs.root", tmp_path / "file" / "runs", "set runs.root or GNNSEG_RUNS")
    )
    assert (finding.ok, finding.essential) == (False, True)
    assert "Not a directory" in finding.text
    assert finding.advice == "set runs.root or GNNSEG_RUNS to a folder that can."

    def refused(**options: object):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refused)
    finding = only(storage.folder("cache.root", tmp_path, "set cache.root"))
    assert "cannot be written (Permission denied)" in finding.text


def test_a_folder_is_tried_where_it_would_be_made_and_its_room_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = only(storage.folder("runs.root", tmp_path / "a" / "b", "set runs.root"))
    assert f"{tmp_path / 'a' / 'b'}, to be made in {tmp_path}: can be written" in finding.text
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: Usage(2**40, 2**40, 2**20))
    finding = only(storage.folder("runs.root", tmp_path, "set runs.root"))
    assert (finding.ok, finding.essential) == (False, False)
    assert finding.advice.startswith("free 1 GiB, or set runs.root")


def test_a_font_of_last_resort_draws_no_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_fonts, "covering", report_fonts.covering.__wrapped__)  # asked anew
    fonts = [
        SimpleNamespace(name=n, fname=n)
        for n in ("gone", "Latin", "Last Resort High-Efficiency", "Song")
    ]

    def get(fname: str) -> SimpleNamespace:
        if fname == "gone":
            raise FileNotFoundError(fname)
        return SimpleNamespace(get_char_index=lambda code: 0 if fname == "Latin" else 7)

    monkeypatch.setattr(font_manager, "get_font", get)
    monkeypatch.setattr(font_manager, "fontManager", SimpleNamespace(ttflist=fonts))
    assert only(installation.fonts()).text.endswith(": Song")
    monkeypatch.setattr(font_manager, "fontManager", SimpleNamespace(ttflist=fonts[:3]))
    finding = only(installation.fonts())
    assert finding.ok is None
    assert "fonts-noto-cjk" in finding.advice


def test_wandb_missing_broken_and_silent(versions, monkeypatch: pytest.MonkeyPatch) -> None:
    versions(wandb="0.99")
    done = subprocess.CompletedProcess([], 1, "", "Traceback\n  …\nImportError: no protobuf\n")
    monkeypatch.setattr(installation.subprocess, "run", lambda *a, **k: done)
    finding = only(installation.wandb())
    assert (finding.ok, finding.essential) == (False, False)
    assert finding.text == "0.99 cannot be imported: ImportError: no protobuf"

    def late(*a, **k):
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setattr(installation.subprocess, "run", late)
    assert "no answer in 60 seconds" in only(installation.wandb()).text
    monkeypatch.setattr(
        installation.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], 0, "", "")
    )
    assert "0.99; tracking=wandb writes offline" in only(installation.wandb()).text
    versions(wandb=None)
    assert only(installation.wandb()).text == "is not installed"


def plugin(folder: Path, code: str, *requires: str) -> None:
    """Install a plugin of Hydra's, as pip would."""
    (folder / "hydra_plugins" / "hydra_own_sweeper").mkdir(parents=True)
    (folder / "hydra_plugins" / "hydra_own_sweeper" / "__init__.py").write_text(code)
    info = folder / "hydra_own_sweeper-1.0.dist-info"
    info.mkdir()
    lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: hydra-own-sweeper\nVersion: 1.0\n{lines}"
    )
    (info / "RECORD").write_text("hydra_plugins/hydra_own_sweeper/__init__.py,,\n")


def test_plugins_are_loaded_and_their_limits_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fine,) = installation.plugins()
    assert (fine.ok, fine.text.partition(":")[0]) == (True, "plugins")
    plugin(tmp_path, "", "numpy<1", "nowhere>=2", "other; extra == 'more'")
    monkeypatch.syspath_prepend(tmp_path)
    found = {f.text: f for f in installation.plugins()}
    assert all(f.ok is False and not f.essential for f in found.values())
    numpy = importlib.metadata.version("numpy")
    assert found[f"hydra-own-sweeper 1.0 wants numpy <1; it is {numpy}"].advice == (
        "pip install 'numpy<1'"
    )
    assert "hydra-own-sweeper 1.0 wants nowhere >=2; it is not there" in found
    assert len(found) == 2


def test_a_plugin_that_breaks_every_training_is_essential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path, "raise ValueError('mutable default')")
    code = compile(
        "raise ValueError('mutable default')",
        str(tmp_path / "hydra_plugins" / "hydra_own_sweeper" / "__init__.py"),
        "exec",
    )

    def broken(overrides: list[str]) -> None:
        exec(code)

    monkeypatch.setattr(config, "compose", broken)
    finding = bad(installation.plugins())[-1]
    assert finding.essential
    assert finding.text == "the plugin hydra-own-sweeper breaks every training: mutable default"
    assert finding.advice.startswith("pip uninstall hydra-own-sweeper,")


def test_extras_are_nobodys_duty(versions) -> None:
    versions(uv="1.2", **{"hydra-joblib-launcher": None})
    found = {f.text: f for f in installation.extras()}
    assert found["uv 1.2 (installs packages faster)"].ok
    missing = found["hydra-joblib-launcher: not installed (runs of a sweep side by side)"]
    assert (missing.ok, missing.essential, missing.advice) == (
        None,
        False,
        "pip install hydra-joblib-launcher",
    )


def test_the_text_has_each_remedy_and_the_sum() -> None:
    said = diagnosis.text(
        [
            Finding("a", True, "fine", "not shown"),
            Finding("b", False, "broken", "mend it.", True),
            Finding("b", None, "absent", "get it."),
        ]
    )
    assert said.splitlines() == [
        "a  ok   fine",
        "b  BAD  broken",
        "        mend it.",
        "   -    absent",
        "        get it.",
        "",
        "nothing can be trained before the essential is mended: 1 bad, 1 of them essential",
    ]
