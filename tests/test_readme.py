"""README tells the truth: its files are the run's, its example of an encoder runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gnnseg.runs import schema

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_the_table_of_files_is_the_schema() -> None:
    assert schema.markdown() in README


@pytest.mark.slow
def test_the_example_of_an_encoder_runs_from_elsewhere(tmp_path: Path) -> None:
    code = re.search(r"```python\n(import torch\n.*?)```", README, re.S)
    conf = re.search(r"```yaml\n(_target_: mylab.*?)```", README, re.S)
    assert code is not None
    assert conf is not None
    assert len(code[1].splitlines()) + len(conf[1].splitlines()) <= 40
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "__init__.py").touch()
    (tmp_path / "mylab" / "enc.py").write_text(code[1], "utf-8")
    (tmp_path / "my_conf" / "encoder").mkdir(parents=True)
    (tmp_path / "my_conf" / "encoder" / "mine.yaml").write_text(conf[1], "utf-8")
    command = re.search(r"gnnseg (train --config-dir my_conf .*)", README)
    assert command is not None
    small = [
        "data=planted",
        "data.users=120",
        "data.items=60",
        "data.interactions=1500",
        "data.segments=4",
        "head.segments=4",
        "trainer.max_epochs=5",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "gnnseg", *command[1].split(), *small],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert schema.check(Path(done.stdout.strip())) == []


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 250


@pytest.mark.slow
def test_the_example_from_python_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(import pandas.*?)```", README, re.S)
    assert code is not None
    assert len(code[1].strip().splitlines()) <= 15
    rows = ["customer,sku,ts,qty"]
    rows += [
        f"C{n % 40:03},P{(n % 40) % 2 * 15 + n * 7 % 17:02},2025-01-{1 + n % 28:02},{1 + n % 3}"
        for n in range(600)
    ]
    (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n", "utf-8")
    run = [
        sys.executable,
        "-W",
        "error",
        "-c",
        code[1].replace('"head.segments=16"', '"head.segments=16", "trainer.max_epochs=5"'),
    ]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "runs" / "table-lightgcn-segments-"))
