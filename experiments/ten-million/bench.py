"""Ten million rows with ids of text, from CSV to a clean, indexed, cached set: seconds and memory,
limits 12 s and 2.5 GB.

usage: python experiments/ten-million/bench.py [ROWS]      (needs some 2 GB of disk; writes
results.json beside this file) The file is drawn by the planted generator. Reading runs in a process
of its own, so that its memory is its own; median of three.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

HERE = Path(__file__).resolve().parent
READ = """
import json, resource, sys, time
from pathlib import Path
from gnnseg import config, data
settings = ["data=file", f"data.path={sys.argv[1]}", "data.user=customer", "data.item=sku"]
node = config.compose(settings)["data"]
said = []
begun = time.perf_counter()
found = data.load(node, root=Path("."), cache=Path(sys.argv[2]), say=said.append)
print(json.dumps({
    "seconds": round(time.perf_counter() - begun, 1),
    "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    "rows": len(found.interactions),
    "users": len(found.users),
    "items": len(found.items),
    "said": said,
}))
"""


def write(path: Path, rows: int) -> float:
    """The drawn file: customer, sku, qty, ts; ids of text. Seconds it took."""
    from gnnseg.data.sets.planted import Planted

    begun = time.perf_counter()
    raw = Planted(
        preset="easy", users=200_000, items=50_000, segments=16, interactions=rows, seed=0
    ).draw()
    events = raw.events.lazy().select(
        customer="customer-" + pl.col("user").str.zfill(8),
        sku="sku-" + pl.col("item").str.zfill(6),
        qty=(pl.col("item").cast(pl.Int64) % 4 + 1),
        ts=pl.from_epoch(pl.col("time").cast(pl.Int64), time_unit="s").dt.strftime(
            "%Y-%m-%d %H:%M:%S"
        ),
    )
    events.sink_csv(path)
    return time.perf_counter() - begun


def read(path: Path, cache: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(cache)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "orders.csv"
        drawn = write(path, rows)
        cold = [read(path, Path(scratch) / f"cache {turn}") for turn in range(3)]
        warm = [read(path, Path(scratch) / "cache 0") for _ in range(3)]
        result = {
            "rows": cold[0]["rows"],
            "users": cold[0]["users"],
            "items": cold[0]["items"],
            "file_mb": round(path.stat().st_size / 1e6),
            "seconds to draw and write": round(drawn, 1),
            "seconds cold": statistics.median(float(str(r["seconds"])) for r in cold),
            "peak memory cold, MB": max(int(str(r["memory_mb"])) for r in cold),
            "seconds from the cache": statistics.median(float(str(r["seconds"])) for r in warm),
            "limits": {"seconds": 12, "MB": 2500},
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "polars": pl.__version__,
        }
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
