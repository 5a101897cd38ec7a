"""How much of a training its validations take: a training as ever, with a clock around them.

usage: python experiments/speed/validation.py [OVERRIDE ...]     (data in GNNSEG_DATA)
"""

from __future__ import annotations

import sys
import time
from typing import Any

from gnnseg.cli import main
from gnnseg.runs import fitting
from gnnseg.training import loop


def clocked() -> tuple[list[float], list[float]]:
    """Where the seconds of validations and of whole trainings go from now on."""
    one, all_of_them = list[float](), list[float]()
    evaluated, fit = loop._evaluated, loop.fit

    def validation(*given: Any) -> Any:
        begun = time.perf_counter()
        found = evaluated(*given)
        one.append(time.perf_counter() - begun)
        return found

    def training(*given: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        found = fit(*given, **named)
        all_of_them.append(time.perf_counter() - begun)
        return found

    loop._evaluated, fitting.fit = validation, training
    return one, all_of_them


if __name__ == "__main__":
    validations, trainings = clocked()
    code = main(["train", "--fresh", *sys.argv[1:]])
    if code == 0 and trainings:
        took = sum(validations)
        print(
            f"{len(validations)} validations of {took / len(validations):.2f} s: {took:.1f} of "
            f"{trainings[-1]:.1f} s of training, {took / trainings[-1]:.1%}"
        )
    sys.exit(code)
