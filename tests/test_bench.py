"""scripts/bench runs, and says what is slower beyond noise; no test depends on how long it took."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent.parent / "experiments" / "bench" / "run.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_it_runs_on_tiny_sizes():
    pytest.importorskip("torch_geometric")
    done = subprocess.run(
        [sys.executable, str(RUN), "--tiny", "--rounds", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.endswith("nothing stored") for line in lines)


@pytest.mark.parametrize(
    ("now", "stored", "said"),
    [
        ((1.1, 0.01), (1.0, 0.01), "as stored (1)"),
        ((1.3, 0.01), (1.0, 0.01), "SLOWER than stored (1): +30%"),
        ((0.5, 0.01), (1.0, 0.01), "faster than stored (1): -50%"),
        ((1.3, 0.1), (1.0, 0.1), "as stored (1)"),
        ((1.3, 0.1), None, "nothing stored"),
    ],
)
def test_what_is_beyond_noise_is_said(bench, now, stored, said):
    given = [None if one is None else dict(zip(("ratio", "noise"), one)) for one in (now, stored)]
    assert bench.verdict(*given) == said
