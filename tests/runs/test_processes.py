"""Workers: forked ones answer or say at once why not; N of them do not each take all cores."""

import multiprocessing
import subprocess
import sys

import pytest

from gnnseg import config
from gnnseg.runs import processes
from gnnseg.runs import train as pipeline

FORKED = """
import os, sys
import gnnseg
run = gnnseg.load(sys.argv[1])  # as `gunicorn --preload` imports the application
if sys.argv[2] == "used":
    run.recommend(["1"], k=3)

def ask(worker):
    try:
        if worker == 0:
            print("answers", len(run.recommend(["1"], k=3)), flush=True)
        elif worker == 1:
            gnnseg.interactions({"user": ["a"], "item": ["b"]})
            print("answers", flush=True)
        else:
            gnnseg.train("planted", ["device=no"])
    except gnnseg.InputError as error:
        print(error, flush=True)

for worker in range(int(sys.argv[3])):
    if (child := os.fork()) == 0:
        ask(worker)
        os._exit(0)
    os.waitpid(child, 0)
print("parent", len(run.recommend(["1"], k=3)))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run's folder."""
    root = tmp_path_factory.mktemp("runs")
    composed = config.compose([
        "data=planted", "data.users=40", "data.items=40", "data.segments=2",
        "data.interactions=400", "encoder=mf", "head.segments=2", "trainer.max_epochs=2",
        f"runs.root={root}",
    ])  # fmt: skip
    return pipeline.train(composed, say=lambda line: None).path


def forked(path, how, workers):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path), how, str(workers)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not processes.TASKS.exists(), reason="looks at /proc")
def test_after_use_forked_workers_say_at_once_what_to_do(run):
    *workers, parent = forked(run, "used", 3)
    assert len(workers) == 3
    for line in workers:
        assert line.startswith("this process was forked from one in which polars had worked")
        assert 'get_context("spawn")' in line
    assert parent == "parent 3"


def test_loaded_and_not_used_forked_workers_answer(run):
    assert forked(run, "loaded", 1) == ["answers 3", "parent 3"]


def threads_of_a_run(queue):
    import torch

    from gnnseg.runs import environment

    torch.set_num_threads(2)  # as many as there are, here
    with environment.threads(None):
        chosen = torch.get_num_threads()
    with environment.threads(2):
        asked = torch.get_num_threads()
    queue.put((chosen, asked, torch.get_num_threads()))


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2)])
def test_a_worker_takes_one_thread_unless_told(given, threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    worker = context.Process(target=threads_of_a_run, args=(queue,))
    worker.start()
    assert queue.get(timeout=100) == (threads, 2, 2)
    worker.join()


def test_the_main_process_is_left_alone(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with processes.one_thread_a_worker() as few:
        assert few is None


def test_without_proc_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "TASKS", tmp_path / "no")
    assert not processes._polars_has_threads()
