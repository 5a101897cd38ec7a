"""Without a terminal long work says a line now and then, by a clock that is made up here."""

import threading
import time

import pytest

import gnnseg
from gnnseg.runs import refits
from gnnseg.training import progress as module
from gnnseg.training.checkpoint import State
from gnnseg.training.progress import EVERY, Counter, Progress, spell


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def no_terminal(capsys):
    """Of standard error pytest makes no terminal, and the bar is of a terminal alone."""
    yield
    assert capsys.readouterr().err == ""


def trained(seconds_a_step, epochs, per_epoch, *, shown=True, first=0, best=0.25):
    """Walk through a training of so many epochs, and return what was said, and when."""
    clock, said, state = Clock(), [], State(epoch=first)

    def say(line):
        said.append((clock.now - 100, line))

    with Progress(
        epochs, "valid/ndcg@20", name="a-run", shown=shown, say=say, clock=clock
    ) as progress:
        for epoch in range(first, epochs):
            state.epoch, state.batch = epoch, 0
            for _ in range(per_epoch):
                clock.now += seconds_a_step
                state.batch += 1
                progress(state, per_epoch, {"loss": 3.5})
            if epoch == first:
                state.best_value = best
    return said


def test_a_short_training_says_nothing():
    assert trained(0.9, 5, 2) == []  # 9 seconds
    assert trained(1.0, 5, 2) == []  # 10, and over with that


def test_a_line_every_ten_seconds_with_epoch_loss_best_and_time_left():
    said = trained(1.0, 20, 5)  # 100 seconds, 5 an epoch
    assert [when for when, _ in said] == [EVERY * n for n in range(1, 10)]
    assert said[0][1] == (
        "a-run: epoch 2 of 20, loss 3.5000, best valid/ndcg@20 0.2500, 2 min left"
    )
    assert said[-1][1] == (
        "a-run: epoch 18 of 20, loss 3.5000, best valid/ndcg@20 0.2500, 10 s left"
    )


def test_a_training_that_is_gone_on_with_counts_what_it_does_itself():
    """90 of 100 epochs were done before: what is left takes as long as what is done now."""
    ((when, line),) = trained(1.0, 100, 2, first=90, best=None)
    assert (when, line) == (10, "a-run: epoch 95 of 100, loss 3.5000, 10 s left")


def test_who_asks_for_no_progress_is_told_nothing():
    assert trained(1.0, 20, 5, shown=False) == []


def test_a_count_says_how_many_are_done():
    clock, said = Clock(), []
    with Counter("refits", 6, say=said.append, clock=clock) as count:
        for done, seconds in enumerate([4, 4, 4, 60, 60, 60], 1):
            clock.now += seconds
            count(done, 6)
    assert said == [
        "refits: 3 of 6 done, 12 s left",
        "refits: 4 of 6 done, 36 s left",
        "refits: 5 of 6 done, 26 s left",
    ]


def test_one_of_many_that_takes_long_is_not_silent(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.01)
    said, heard = [], threading.Event()

    def say(line):
        said.append(line)
        if len(said) == 2:
            heard.set()

    with Counter("choose-k", 3, say=say):
        assert heard.wait(10)
    assert said[:2] == ["choose-k: 0 of 3 done"] * 2
    many = len(said)
    time.sleep(0.2)
    assert len(said) <= many + 1


def test_times_are_spelled_as_they_are_said():
    known = {0.2: "1 s", 59.4: "59 s", 59.9: "1 min", 100: "2 min", 3600: "1 h", 7500: "2 h 5 min"}
    assert {seconds: spell(seconds) for seconds in known} == known


def test_a_training_and_its_refits_say_their_lines_where_the_work_is_told(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(module, "EVERY", 0.0)  # every step is long work
    monkeypatch.setattr(refits, "_workers", lambda *_: 1)  # here, without processes of their own
    settings = [
        "data.users=40", "data.items=30", "data.interactions=300", "threads=1", "data.segments=2",
        "head.segments=2", "trainer.max_epochs=4", "evidence.refits=1", f"runs.root={tmp_path}",
    ]  # fmt: skip
    with caplog.at_level("INFO", logger="gnnseg"):
        run = gnnseg.train("planted", settings, seed=0)
    said = [record.message for record in caplog.records]
    assert any(line.startswith(f"{run.path.name}: epoch 3 of 4, loss ") for line in said)
    assert any(line.startswith("refits: 2 of 3 done, ") for line in said)
