"""Tables for the terminal, from a run's folder."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import changes, cutoffs, losing, refits, stability, words
from gnnseg.report import evidence as about

HEADLINE = (
    "recall@20",
    "ndcg@20",
    "recall@10",
    "ndcg@10",
    "precision@20",
    "f1@20",
    "hit@20",
    "coverage@20",
    "novelty@20",
    "revenue@20",
)
SHOWN_ITEMS = 4
SHOWN_WEIGHTS = 8
SHOWN_SEGMENTS = 32  # at the end of a run; `gnnseg segments` shows them all
NAME_WIDTH = 26
WIDTH = 120


def render(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    right: int = 1,
    left: Sequence[int] = (),
    width: int = WIDTH,
) -> str:
    """Return a plain table.

    Args:
        columns: Their titles.
        rows: Their cells.
        title: A line above.
        right: The first column that is set on the right, as numbers are.
        left: Columns behind it that are not.
        width: The widest a line may be.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        on_the_right = number >= right and number not in left
        table.add_column(Text(column), justify="right" if on_the_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(_printable(cell)) for cell in row])
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None).print(table)
    lines = [line.rstrip() for line in buffer.getvalue().rstrip().splitlines()]
    return "\n".join([_printable(title), *lines] if title else lines)


def _printable(text: str) -> str:
    """A name may hold anything: control characters would move the terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def read(folder: Path) -> dict[str, Any]:
    """Return a folder's run.json as it stands.

    Raises:
        InputError: There is none.
    """
    path = Path(folder) / "run.json"
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        from gnnseg.types import InputError  # brings torch: only where something is wrong

        raise InputError(
            f"{folder}: not a run folder ({error}); gnnseg train prints the path of one."
        ) from None
    assert isinstance(content, dict)
    return content


def run(folder: Path) -> str:
    """Return what is said of a finished run.

    First the baselines that it is not better than; data, figures beside the baselines, segments,
    sharpness, warnings, where the page is.
    """
    record = read(folder)
    shown = refits.evaluated(record)
    said = (
        refits.sentence(record), losing.sentence(shown), data(record), metrics(shown),
        labels(shown),
    )  # fmt: skip
    parts = [part for part in said if part]
    if (folder / "groups.parquet").exists():
        parts += [segments(folder, SHOWN_SEGMENTS), sharpness(record["metrics"], _k(folder))]
        parts += [text for text in (changes.text(record, folder),) if text]
    parts += [f"warning: {warning}" for warning in record["alarms"]]
    seconds = record["seconds"]
    parts.append(
        f"{seconds['total']:.1f} s ({seconds['train']:.1f} s training), {record['memory_mb']:.0f} "
        "MB; "
        f"report: {folder / 'report.html'}"
    )
    return "\n".join(parts)


def data(record: Mapping[str, Any]) -> str:
    """Return what the run learned from.

    Sizes, density, how it was split, what was dropped or is new in the test.
    """
    d = record["data"]
    pairs = d["train"] + d["valid"] + d["test"]
    density = pairs / max(1, d["users"] * d["items"])
    lines = [
        f"{d['name']}: {d['users']:,} users, {d['items']:,} items, {pairs:,} pairs ({density:.2%} "
        "of all), "
        f"{pairs / max(1, d['users']):.1f} a user; {d['train']:,} train, {d['valid']:,} valid, "
        f"{d['test']:,} test"
    ]
    notes = d.get("notes", {})
    split = notes.get("split", d["split"])
    new = [f"{notes[key]:,} {key}" for key in notes if "unseen in train" in key and notes[key]]
    lines.append(f"split {split}" + (f"; {', '.join(new)}" if new else ""))
    for key in ("dropped", "left out"):
        if isinstance(notes.get(key), Mapping) and notes[key]:
            lines.append(
                f"{key}: " + ", ".join(f"{count:,} {why}" for why, count in notes[key].items())
            )
    return "\n".join(lines)


def metrics(record: Mapping[str, Any]) -> str:
    """Return the run's test figures beside the baselines'."""
    rows = {refits.who(record): record["metrics"], **baselines(record, "test/")}
    usual = [name for name in HEADLINE if not name.endswith("@10")]
    names = cutoffs.headline(record["metrics"], usual)
    cells = [
        [who, *[number(values.get(f"test/{n}")) for n in names]] for who, values in rows.items()
    ]
    return render(["", *names], cells, protocol(record))


def baselines(record: Mapping[str, Any], prefix: str) -> dict[str, dict[str, float]]:
    """Return the baselines that have figures of this kind: 'test/' or 'label/'."""
    return {
        who: values
        for who, values in record["baselines"].items()
        if any(n.startswith(prefix) for n in values)
    }


def labels(record: Mapping[str, Any]) -> str:
    """Return how well the classes of those held out are predicted; nothing without labels."""
    known = record["data"].get("labels")
    if not known or "label/accuracy" not in record["metrics"]:
        return ""
    rows = {refits.who(record): record["metrics"], **baselines(record, "label/")}
    cells = [
        [who, *[number(v.get(f"label/{n}")) for n in ("accuracy", "macro_f1")]]
        for who, v in rows.items()
    ]
    sizes = f"{known['told']:,} users observed, {known['held_out']:,} held out"
    title = f"labels {known['column']}: {sizes}"
    return render(["", "accuracy", "macro-F1"], cells, title)


def protocol(record: Mapping[str, Any]) -> str:
    """Return the rules under which the figures stand."""
    mark = " (best epoch on test)" if record["protocol"] == "paper" else ""
    rules = f"protocol {record['protocol']}{mark}, seen={record['seen']}"
    return f"test, full ranking, {rules}, split {record['data']['split']}"


def number(value: float | None) -> str:
    """Return four decimals; nothing for a figure that is not there or not defined."""
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"


def sharpness(values: Mapping[str, float], k: int) -> str:
    """Return how many segments there really are, and what a user's largest ones reach."""
    lines = [
        f"effective K {values['segment/effective_k']:.1f} of {k}; "
        f"{values['segment/segments_per_user']:.1f} segments a user"
    ]
    for k in cutoffs.shared([values], "test/ndcg@K/top1"):
        lines[0] += (
            f"; ndcg@{k} through the top 1 and 3 segments "
            f"{number(values.get(f'test/ndcg@{k}/top1')) or '-'}, "
            f"{number(values.get(f'test/ndcg@{k}/top3')) or '-'}"
        )
    if "habit/weight" in values:
        lines.append(f"habit {values['habit/weight']:.0%} of a user on average: their own past")
    if "segment/recovery_ari" in values:
        lines.append(
            f"segment/recovery_ari {values['segment/recovery_ari']:.4f} (hard segments against the "
            "planted truth)"
        )
    return "\n".join(lines)


def segments(folder: Path, limit: int | None = None) -> str:
    """Return size, share and most telling items of each segment, with their lift.

    Args:
        folder: The run's.
        limit: Only so many, the largest; the others are counted.

    Raises:
        InputError: The run has no segments.
    """
    for name in ("groups.parquet", "cards.parquet"):
        if not (folder / name).exists():
            from gnnseg.types import InputError

            raise InputError(
                f"{folder / name}: not there; this run's head has no segments, or it has not "
                "finished."
            )
    groups = pl.read_parquet(folder / "groups.parquet")
    cards = pl.read_parquet(folder / "cards.parquet")
    shown = (
        groups
        if limit is None
        else groups.sort("share", descending=True).head(limit).sort("segment")
    )
    rows, known_back = [], stability.by_segment(folder)
    named = ["id"] if "id" in groups.columns else []
    for row in shown.iter_rows(named=True):
        top = cards.filter(pl.col("segment") == row["segment"]).sort("rank").head(SHOWN_ITEMS)
        liked = ", ".join(
            f"{short(name)} ({lift:.1f}x)" for name, lift in top.select("name", "lift").rows()
        )
        called = [text for text in (row.get("id"), row.get("name")) if text]
        ids = [short(" ".join(map(str, called)))] if named else []
        back = known_back.get(row["segment"])
        comes = [] if back is None else [f"{back['jaccard']:.2f} {back['verdict']}"]
        counted = [str(row["size"]), f"{row['share']:.1%}"]
        rows.append([str(row["segment"]), *ids, *counted, *comes, liked])
    title = ["segment", *named, "users", "share", *(["comes back"] if known_back else [])]
    title += ["likes more than others do (lift)"]
    left = [*([1] if named else []), *range(len(named) + 3, len(title))]
    table = render(title, rows, "segments", left=left)
    said = words.segments(folder)
    known = {k: said[k] for k in shown["segment"] if k in said}
    people = [
        f"  {k}: {_printable(sentence)}"
        for k, sentence in known.items()
        if sentence != words.NOTHING
    ]
    alike = [str(k) for k, sentence in known.items() if sentence == words.NOTHING]
    people += [f"  {', '.join(alike)}: {words.NOTHING}"] if alike else []
    table = "\n".join([table, *(["who they are (against everyone)", *people] if people else [])])
    left_out = len(groups) - len(shown)
    more = [f"… and {left_out} smaller ones: gnnseg segments {folder.name}"] if left_out else []
    none = [text] if (text := stability.in_none(folder)) else []
    return "\n".join([table, *more, *none, *stability.lines(folder, read(folder))])


def evidence(folder: Path) -> str:
    """Return the evidence of each segment, and how attributes go with segments."""
    parts = []
    if (rows := about.by_segment(folder, brief=True)) is not None:
        parts.append(render(rows.columns, rows.cells, "evidence by segment", width=140))
    if (rows := about.associations(folder)) is not None and rows.cells:
        title = "what is known of people and their segments"
        parts.append(render(rows.columns, rows.cells, title, right=2, left=(7,), width=140))
    return "\n".join(parts)


def weights(folder: Path) -> str:
    """Return the strongest weights by attribute; nothing where they cannot be read."""
    parts = []
    for kind, title in (("user", "people"), ("item", "items")):
        frame = words.weights(folder, kind, SHOWN_WEIGHTS)
        if len(frame):
            rows = [[str(name), *map(words.signed, row)] for name, *row in frame.rows()]
            head = [
                f"attribute of {title}",
                *(column.replace("_", " ") for column in frame.columns[1:]),
            ]
            parts.append(
                render(head, rows, f"pull of one standard deviation towards each segment: {title}")
            )
    return "\n".join(parts)


def short(name: str, width: int = NAME_WIDTH) -> str:
    """Return a name, cut where it is too long for a table."""
    return name if len(name) <= width else f"{name[: width - 1].rstrip()}…"


def frame(table: pl.DataFrame) -> str:
    """Return any small frame as text, numbers on the right."""
    rows = [
        [
            f"{cell:.4f}" if isinstance(cell, float) else "" if cell is None else str(cell)
            for cell in row
        ]
        for row in table.rows()
    ]
    text = [at for at, kind in enumerate(table.dtypes) if not kind.is_numeric()]
    return render(table.columns, rows, right=0, left=text)


def explanation(table: pl.DataFrame) -> str:
    """Return an explanation, as ``Run.explain`` gives it, as text.

    Shares as percentages, signed parts of the logit as numbers.
    """
    rows = []
    for part in table.iter_rows(named=True):
        value = part["value"]
        rows.append([part["part"], f"{value:.1%}" if part["share"] else f"{value:+.4f}"])
    title = ""
    if {"user", "item", "name"} <= set(table.columns) and len(table):
        user, item, name = table.select("user", "item", "name").row(0)
        title = f"user {user}, item {item}" + (f" ({name})" if name != item else "")
    return render(["part", "value"], rows, title)


def _k(folder: Path) -> int:
    return len(pl.read_parquet(folder / "groups.parquet", columns=["segment"]))
