"""Whichever library writes, a refused write is one sentence, and nothing is left of it."""

import subprocess
import sys

import pytest

from gnnseg.data.atomic import atomic, refused
from gnnseg.types import InputError

WRITERS = """
import resource, signal, sys
from pathlib import Path
import numpy as np, polars as pl, torch
from safetensors.torch import save_file
from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

def arrays(aside):
    with open(aside, "wb") as handle:
        np.savez_compressed(handle, big=big)

big = np.random.default_rng(0).random(50_000)
writers = {
    "state.pt": lambda aside: torch.save({"big": torch.from_numpy(big)}, aside),
    "model.safetensors": lambda aside: save_file({"big": torch.from_numpy(big)}, aside),
    "seen.npz": arrays,
    "ids.parquet": lambda aside: pl.DataFrame({"big": big}).write_parquet(aside),
    "report.html": lambda aside: aside.write_text("x" * 100_000),
}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for name, write in writers.items():
    path = Path(sys.argv[1]) / name
    path.write_text("as it was")
    try:
        with atomic(path) as aside:
            write(aside)
    except InputError as error:
        print(error)
    assert path.read_text() == "as it was"
    assert [each.name for each in path.parent.iterdir()] == [name]
    path.unlink()
"""


def test_a_disk_that_is_full_at_any_writer(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITERS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == 5
    for line, name in zip(
        said, ["state.pt", "model.safetensors", "seen.npz", "ids.parquet", "report.html"],
        strict=True,
    ):  # fmt: skip
        assert line.startswith(f"{tmp_path / name}: cannot be written (")
        assert line.endswith("free space or choose another folder.")


def test_a_folder_that_cannot_be_written(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot be written \(No such file"),
        atomic(tmp_path / "nowhere" / "a"),
    ):
        pass


def test_another_error_is_not_taken_for_it(tmp_path):
    with pytest.raises(RuntimeError, match="ours"), atomic(tmp_path / "a"):
        raise RuntimeError("ours")
    assert list(tmp_path.iterdir()) == []
    assert refused(ValueError("shapes differ")) is None
