"""How long the command takes to begin: help, the first lines of a training, what reads a run.

usage: python experiments/start-up/run.py [--data DIR] [--times N]; writes results.json. Wall time
and CPU time, medians; of a training the time of the first line and of the first validated epoch's
first step, as the run's own lines say.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GNNSEG = [sys.executable, "-m", "gnnseg"]
HERE = Path(__file__).parent
PLANTED = ["data=planted", "trainer.max_epochs=20", "trainer.eval_every=10"]
AIMS = {"--help": 0.3, "train: first line": 1.0, "train: first step": 5.0}  # seconds; others 1.5
STEP = """
import sys, time
from gnnseg.training import steps
taken, begun = steps.Steps.__call__, float(sys.argv[1])
def first(*given):
    found = taken(*given)
    print(time.time() - begun, flush=True)
    sys.stdout.flush()
    import os
    os._exit(0)
steps.Steps.__call__ = first
from gnnseg.cli import main
main(["train", *sys.argv[2:]])
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_line(words: list[str], root: str) -> tuple[float, float]:
    """Wall and CPU seconds until a training says its first line."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(
        [*GNNSEG, "train", *words, f"runs.root={root}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        process.stderr.readline()
        wall = time.perf_counter() - begun
        process.kill()
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_step(words: list[str], root: str) -> tuple[float, float]:
    """Wall and CPU seconds until a training has taken its first step."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", STEP, str(time.time()), *words, f"runs.root={root}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(done.stdout.split()[-1]), (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="ml-1m", help="the set of the first step")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        run = subprocess.run(
            [*GNNSEG, "train", *PLANTED, f"runs.root={root}"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        ask = {
            "--help": ["--help"],
            "train --help": ["train", "--help"],
            "options encoder": ["options", "encoder"],
            "show RUN": ["show", run],
            "segments RUN": ["segments", run],
            "compare RUN": ["compare", run],
            "recommend RUN --user": ["recommend", run, "--user", "3"],
            "explain RUN --user --item": ["explain", run, "--user", "3", "--item", "7"],
        }
        measure = {name: (lambda w=words: timed([*GNNSEG, *w])) for name, words in ask.items()}
        measure["train: first line"] = lambda: first_line([f"data={options.data}"], root)
        measure["train: first step"] = lambda: first_step([f"data={options.data}"], root)
        found = {}
        for name, one in measure.items():
            one()  # files are read from the disk once
            wall, cpu = zip(*(one() for _ in range(options.times)), strict=True)
            found[name] = {
                "wall": round(statistics.median(wall), 2), "cpu": round(statistics.median(cpu), 2),
                "aim": AIMS.get(name, 1.5),
            }  # fmt: skip
            print(name, found[name], flush=True)
    about = {"data": options.data, "times": options.times, "cores": os.cpu_count(),
             "load": os.getloadavg()[0], "python": sys.version.split()[0]}  # fmt: skip
    options.out.write_text(json.dumps({"about": about, "seconds": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
