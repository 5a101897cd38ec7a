"""One table of many runs: those that are equal but for their seeds are one row.

Its figures are mean and standard deviation. Reads run.json alone; imports no model.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report import losing

GROUPS = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers",
    "optimizer", "trainer", "evaluation",
)  # fmt: skip
METRICS = (
    "test/recall@20",
    "test/ndcg@20",
    "segment/segments_per_user",
    "test/ndcg@20/top1",
    "test/ndcg@20/top3",
)
SEEDS = ("seed", "split.seed")
NOT_SHOWN = ("data.root", "runs.root", "trainer.refit")
PAPER = "†"


def table(paths: Sequence[Path], form: str = "text", metrics: Sequence[str] | None = None) -> str:
    """Return one table of many runs; cells of protocol ``paper`` are marked.

    A last column, 'not above', names baselines that runs are not better than on what they were
    chosen by, where there are any.

    Args:
        paths: Run folders.
        form: text, csv, md or latex.
        metrics: The figures to show; None: the usual ones, as far as they are there.

    Raises:
        InputError: No runs, or one that is no finished run.
    """
    records = [_read(Path(path)) for path in paths]
    if not records:
        raise _error("compare: name run folders, or a sweep with --sweep NAME.")
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        settings = {k: v for k, v in flat(record["config"]).items() if k not in SEEDS}
        groups.setdefault(json.dumps([settings, record["numerics"]], sort_keys=True), []).append(
            record
        )
    named = list(groups.values())
    varying = _varying([flat(runs[0]["config"]) for runs in named])
    shown = [m for m in (metrics or METRICS) if metrics or any(m in r["metrics"] for r in records)]
    losses = [losing.counted(runs) for runs in named]
    last = ["not above"] if any(losses) else []
    header = [*(key.removesuffix("._target_") for key in varying), "runs", *shown, "s", "MB", *last]
    rows = []
    for runs, below in zip(named, losses, strict=True):
        settings = flat(runs[0]["config"])
        mark = PAPER if runs[0]["protocol"] == "paper" else ""
        cells = [_setting(settings.get(key, "")) for key in varying]
        figures = [_figure([r["metrics"].get(m) for r in runs], form, mark) for m in shown]
        seconds, memory = (
            _figure([r[k] if k != "seconds" else r[k].get("total") for r in runs], form, "", 1)
            for k in ("seconds", "memory_mb")
        )
        rows.append([*cells, str(len(runs)), *figures, seconds, memory, *[below] * len(last)])
    note = (
        f"{PAPER} protocol paper: best epoch chosen on the test"
        if any(r["protocol"] == "paper" for r in records)
        else ""
    )
    return _written(header, rows, len(varying), form, note)


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups that make a run, and its seed, as dotted keys."""
    found: dict[str, Any] = {"seed": config["seed"]}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                walk(f"{prefix}.{key}", value)
        else:
            found[prefix] = node

    for group in GROUPS:
        walk(group, config[group])
    walk("segments", config.get("segments", {}))
    return {key: value for key, value in found.items() if key not in NOT_SHOWN}


def _varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys in which rows differ.

    A part's name, and its keys where two rows have the same part with other values. Training that
    comes with an objective differs only where rows of one objective differ.
    """

    def distinct(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
        return len({json.dumps(row.get(key)) for row in rows}) > 1

    def shown(key: str) -> bool:
        group = key.split(".")[0]
        owner = f"{'objective' if group in ('trainer', 'optimizer') else group}._target_"
        if key.endswith("._target_"):
            return distinct(settings, key)
        parts: dict[str, list[Mapping[str, Any]]] = {}
        for row in settings:
            parts.setdefault(str(row.get(owner)), []).append(row)
        return any(distinct(rows, key) for rows in parts.values())

    keys = dict.fromkeys(key for row in settings for key in row if key not in SEEDS)
    return [key for key in keys if shown(key)]


def _setting(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text.rsplit(".", 1)[-1].lower() if text.startswith(("gnnseg.", "torch.")) else text


def _figure(values: Sequence[float | None], form: str, mark: str, digits: int = 4) -> str:
    there = [v for v in values if v is not None and v == v]
    if not there:
        return ""
    mean = f"{statistics.fmean(there):.{digits}f}"
    if len(there) == 1:
        return mean + mark
    sign = r"$\pm$" if form == "latex" else "±"
    return f"{mean} {sign} {statistics.stdev(there):.{digits}f}{mark}"


def _written(header: list[str], rows: list[list[str]], left: int, form: str, note: str) -> str:
    if form == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
        return buffer.getvalue().rstrip("\n")
    if form == "md":
        line = ["---"] * left + ["---:"] * (len(header) - left)
        text = "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
            for row in [header, line, *rows]
        )
        return f"{text}\n\n{note}" if note else text
    if form == "latex":
        body = [" & ".join(_latex(cell) for cell in row) + r" \\" for row in rows]
        form = "l" * left + "r" * (len(header) - left)
        titles = " & ".join(_latex(cell) for cell in header) + r" \\"
        lines = [rf"\begin{{tabular}}{{{form}}}", r"\hline", titles, r"\hline", *body]
        lines += [r"\hline", r"\end{tabular}"]
        return "\n".join([*lines, "% " + note] if note else lines)
    from gnnseg.report.columns import render

    return render(header, rows, right=left, width=220) + (f"\n{note}" if note else "")


def _latex(cell: str) -> str:
    return "".join(
        {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", PAPER: r"$\dagger$"}.get(c, c)
        for c in cell
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        record = records.parsed((path / "run.json").read_text("utf-8"))
    except FileNotFoundError:
        raise _error(
            f"{path}: not a run folder (no run.json there); gnnseg train prints the path of one."
        ) from None
    except ValueError as error:
        raise _error(f"{path / 'run.json'}: damaged ({error}); train again with --fresh.") from None
    if record["state"] != "finished":
        raise _error(
            f"{path}: the run is {record['state']}; finish it with the command that began it."
        )
    if "refit" in record:
        raise _error(
            f"{path}: a refit on all events has no test figures; compare the evaluated run, "
            f"{record['refit']['run']}."
        )
    assert isinstance(record, dict)
    return record


def _error(sentence: str) -> Exception:
    from gnnseg.types import InputError

    return InputError(sentence)
