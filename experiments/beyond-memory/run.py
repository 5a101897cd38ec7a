"""Train on a set larger than the memory a process may have, from memory-mapped files.

usage: python experiments/beyond-memory/run.py [--pairs N] [--limit MB] [--threads N]

A planted set is drawn, written as Parquet and read once, so that the cache has it. The same run,
GraphSAGE with sampled neighbours in batches, is then done four times, each in a process of its own:
with the interactions and the graph in memory and in files (cache.mapped), without a limit and with
one the system enforces on the process's data (RLIMIT_DATA). Writes results.json: seconds, the
largest anonymous memory (what is not a file's), and the figures, or what refused it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHOWN = ("test/ndcg@20", "test/recall@20", "valid/ndcg@20")


def settings(events: Path, root: Path, threads: int, mapped: bool) -> list[str]:
    """What is typed."""
    return [
        "data=file", f"data.path={events}", "data.name=planted-file", "data.user=user",
        "data.item=item", "data.time=time", "encoder=sage", "encoder.neighbours=[4,2]",
        "encoder.dim=32", "encoder.init=normal", "head=segments", "objective=bpr",
        "trainer.batch_size=65536", "trainer.max_epochs=1", "evaluation.users=5000",
        f"threads={threads}", f"cache.root={root / 'cache'}",
        f"cache.mapped={str(mapped).lower()}", f"runs.root={root / 'runs'}",
    ]  # fmt: skip


def anonymous(process: int) -> float:
    """MB of a process's memory that are of no file, now."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    found = {line.split(":")[0]: line.split()[1:2] for line in lines}
    return int((found.get("RssAnon") or ["0"])[0]) / 1000


def measured(words: list[str], limit: int | None) -> dict[str, Any]:
    """One run, under a limit in MB or none: its seconds, memory and figures."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (limit * 10**6, limit * 10**6))

    begun, peak = time.monotonic(), 0.0
    with subprocess.Popen(
        [sys.executable, "-m", "gnnseg", "train", *words, "--fresh"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=limited,
    ) as process:  # fmt: skip
        over = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not over.wait(0.05):
                peak = max(peak, anonymous(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        out, err = process.communicate()
        over.set()
        watcher.join()
    found: dict[str, Any] = {
        "seconds": round(time.monotonic() - begun, 1),
        "memory_mb": round(peak),
    }
    if process.returncode:
        return {**found, "refused": err.strip().splitlines()[-1], "exit": process.returncode}
    record = json.loads((Path(out.strip()) / "run.json").read_text("utf-8"))
    return {**found, **{name: round(record["metrics"][name], 5) for name in SHOWN}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20_000_000)
    parser.add_argument("--limit", type=int, default=1700, help="MB of data a process may have")
    parser.add_argument("--limited", action="store_true", help="what is limited alone, once more")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as place:
        root = Path(place)
        events = root / "events.parquet"
        drawn = (
            "from gnnseg.data.sets.planted import Planted;"
            f"Planted(users={asked.pairs // 100}, items={asked.pairs // 500},"
            f"interactions={asked.pairs}).draw().events.write_parquet({str(events)!r})"
        )
        subprocess.run([sys.executable, "-c", drawn], check=True)
        reading = settings(events, root, asked.threads, False)
        subprocess.run([sys.executable, "-m", "gnnseg", "data", "stats", *reading], check=True)
        typed = " ".join(settings(Path("events.parquet"), Path(), asked.threads, True))
        found: dict[str, Any] = {"command": typed, "cores": os.cpu_count(), "pairs": asked.pairs}
        found["limit_mb"] = asked.limit
        if asked.limited:
            found = json.loads((HERE / "results.json").read_text("utf-8")) | found
        for limit, under in ((None, ""), (asked.limit, ", limited"))[asked.limited :]:
            for mapped, where in ((False, "in memory"), (True, "in files")):
                words = settings(events, root, asked.threads, mapped)
                found[where + under] = measured(words, limit)
                print(f"{where}{under}: {found[where + under]}", flush=True)
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
