"""What reads a run folder imports what it needs: no torch, no Hydra, no matplotlib."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "sklearn", "hydra", "matplotlib", "gnnseg.models")
ASK = """
import json, sys
from gnnseg.cli import main
given, heavy = json.loads(sys.argv[1]), json.loads(sys.argv[2])
assert main(given) == 0
print(json.dumps([name for name in heavy if name in sys.modules]), file=sys.stderr)
"""


@pytest.mark.parametrize("verb", ["show", "segments", "compare", "options"])
def test_a_verb_that_reads_a_folder_imports_nothing_heavy(make_run, verb):
    path, _ = make_run()
    given = [verb, "encoder" if verb == "options" else str(path)]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(given), json.dumps(HEAVY)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == []


FIRST = """
import json, os, sys
from gnnseg.cli import main, train
def said(line):
    print(json.dumps([line, [name for name in json.loads(sys.argv[1]) if name in sys.modules]]))
    sys.stdout.flush()
    os._exit(0)
train.say = said
main(["train", "data=planted"])
"""


def test_training_says_what_it_does_before_torch_is_imported():
    heavy = [name for name in HEAVY if name != "hydra"]  # which composes what is said
    done = subprocess.run(
        [sys.executable, "-c", FIRST, json.dumps(heavy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line, there = json.loads(done.stdout)
    assert (line, there) == ("planted lightgcn+segments K=16, seed 0: starting", [])
