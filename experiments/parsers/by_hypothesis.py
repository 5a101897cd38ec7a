"""The properties of tests/data/tables/test_fuzz.py on a hundred thousand inputs that hypothesis
makes, half for each.

Writes by_hypothesis.json beside this file: inputs, seconds, failures.

    python experiments/parsers/by_hypothesis.py [N]
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import hypothesis

HERE = Path(__file__).resolve().parent
ROUND = (
    5_000  # inputs of a property at a time: hypothesis remembers them, so that none is made twice
)
NAMES = (
    "test_any_bytes_give_a_table_or_a_sentence",
    "test_a_written_table_is_read_back_exactly_or_refused",
)


def properties(inputs: int) -> Any:
    """The module of the tests, set to so many inputs."""
    os.environ["GNNSEG_FUZZ"] = str(inputs)
    spec = importlib.util.spec_from_file_location(
        "fuzz", HERE.parents[1] / "tests" / "data" / "tables" / "test_fuzz.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tried(test: Any, seed: int, folder: Path) -> tuple[int, str | None]:
    """How many inputs one round of a property made, and its failure, shrunk, if there was one."""
    made, inner = 0, test.hypothesis.inner_test

    def counted(*arguments: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        inner(*arguments, **named)

    test.hypothesis.inner_test = counted
    try:
        hypothesis.seed(seed)(test)(folder)
    except Exception as error:
        return made, f"{type(error).__name__}: {error}"[:300]
    return made, None


def main() -> None:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    made, failures, began = dict.fromkeys(NAMES, 0), [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(-(-inputs // (2 * ROUND))):
            fuzz = properties(min(ROUND, inputs // 2))
            for name in NAMES:
                more, failure = tried(getattr(fuzz, name), seed, Path(folder))
                made[name] += more
                failures += [] if failure is None else [f"{name}, seed {seed}: {failure}"]
    seconds = round(time.perf_counter() - began, 1)
    result = {
        "inputs": sum(made.values()), **made, "seconds": seconds, "failures": failures,
        "hypothesis": hypothesis.__version__,
    }  # fmt: skip
    if inputs >= 10_000:
        (HERE / "by_hypothesis.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
