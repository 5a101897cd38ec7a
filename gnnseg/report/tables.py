"""Tables for the terminal, from a run's folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import records
from gnnseg.report import changes, lengths, losing, refits, rfm, stability, summary, words
from gnnseg.report import evidence as about
from gnnseg.report.columns import folded, render

SHOWN_ITEMS = 4
SHOWN_WEIGHTS = 8
SHOWN_SEGMENTS = 32  # at the end of a run; `gnnseg segments` shows them all
NAME_WIDTH = 26


def read(folder: Path) -> dict[str, Any]:
    """Return a folder's run.json as it stands.

    Raises:
        InputError: There is none.
    """
    path = Path(folder) / "run.json"
    try:
        content = records.parsed(path.read_text("utf-8"))
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
    columns, cells = figures(record)
    shown = [render(columns, cells, protocol(record))]
    shown += [render(names, rows, title) for title, names, rows in sampled(record)]
    return "\n".join(shown)


def sampled(record: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield title, columns and rows of the test's sampled figures, by how negatives were drawn."""
    rows = {refits.who(record): record["metrics"], **baselines(record, "test/")}
    for name, negatives in lengths.sampled(record["metrics"]).items():
        k = lengths.first(record["metrics"])
        asked = [f"{metric}@{k}" for metric in ("recall", "ndcg", "hit", "mrr")]
        columns = [n for n in asked if f"test/{n}/{name}" in record["metrics"]]
        cells = [
            [who, *[number(values.get(f"test/{n}/{name}")) for n in columns]]
            for who, values in rows.items()
        ]
        title = f"test, among {negatives} negatives for each relevant item (no full ranking)"
        yield title, ["", *[f"{n}/{name}" for n in columns]], cells


def figures(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows of the run's test figures beside the baselines'."""
    rows = {refits.who(record): record["metrics"], **baselines(record, "test/")}
    k = lengths.first(record["metrics"])
    names = [n for n in lengths.headline(record["metrics"]) if n.endswith(f"@{k}")]
    cells = [
        [who, *[number(values.get(f"test/{n}")) for n in names]] for who, values in rows.items()
    ]
    return ["", *names], cells


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
    return f"test, full ranking, {rules}, split {record['data']['split']}{asked(record)}"


def asked(record: Mapping[str, Any]) -> str:
    """Say that a drawn part of the users was asked, ``evaluation.users``; nothing for all."""
    users = (record["config"].get("evaluation") or {}).get("users")
    return "" if users is None else f"; at most {users:,} users of each part asked, drawn"


def number(value: float | None, digits: int = 4) -> str:
    """Return so many decimals; nothing for a figure that is not there or not defined."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def sharpness(values: Mapping[str, float | None], k: int) -> str:
    """Return how many segments there really are, and what a user's largest ones reach."""
    lines = [
        f"effective K {number(values['segment/effective_k'], 1) or '-'} of {k}; "
        f"{number(values['segment/segments_per_user'], 1) or '-'} segments a user"
    ]
    if any(name.startswith("test/") for name in values):
        name = f"ndcg@{lengths.first(values)}"
        tops = (number(values.get(f"test/{name}/top{top}")) or "-" for top in (1, 3))
        lines[0] += f"; {name} through the top 1 and 3 segments {', '.join(tops)}"
    if (habit := values.get("habit/weight")) is not None:
        lines.append(f"habit {habit:.0%} of a user on average: their own past")
    if recovery := number(values.get("segment/recovery_ari")):
        lines.append(f"segment/recovery_ari {recovery} (hard segments against the planted truth)")
    return "\n".join(lines)


def segments(folder: Path, limit: int | None = None) -> str:
    """Return the table of the summary, then id and most telling items of each segment, with lift.

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
    shown = (
        groups
        if limit is None
        else groups.sort("share", descending=True).head(limit).sort("segment")
    )
    summed = summary.text(folder, currency(folder), shown["segment"].to_list())
    parts = [part for part in (summed, _details(folder, shown, brief=bool(summed))) if part]
    table = "\n".join(parts)
    said = words.segments(folder)
    known = {k: said[k] for k in shown["segment"] if k in said}
    people = [
        folded(f"  {k}: ", sentence) for k, sentence in known.items() if sentence != words.NOTHING
    ]
    alike = [str(k) for k, sentence in known.items() if sentence == words.NOTHING]
    people += [f"  {', '.join(alike)}: {words.NOTHING}"] if alike else []
    table = "\n".join([table, *(["who they are (against everyone)", *people] if people else [])])
    left_out = len(groups) - len(shown)
    more = [f"… and {left_out} smaller ones: gnnseg segments {folder.name}"] if left_out else []
    none = [text] if (text := stability.in_none(folder)) else []
    record = read(folder)
    text = rfm.line(record["metrics"], spend=_has_spend(folder))
    beside = [text] if text else []
    return "\n".join([table, *more, *none, *beside, *stability.lines(folder, record)])


def _has_spend(folder: Path) -> bool:
    found = summary.read(folder)
    return found is not None and found["spend_head"].is_not_null().any()


def currency(folder: Path) -> str | None:
    """Return what a run's money is written in; None where it is not known."""
    found = read(folder)["data"].get("currency")
    return None if found is None else str(found)


def _details(folder: Path, groups: pl.DataFrame, *, brief: bool) -> str:
    """Return by segment: id, share of all alpha, whether it comes back, its most telling items.

    Args:
        folder: The run's.
        groups: The rows of groups.parquet to show.
        brief: Whether the table of the summary, with names, people and verdicts, stands above.
    """
    cards = pl.read_parquet(folder / "cards.parquet").sort("rank")
    rows, known_back = [], stability.by_segment(folder)
    named = ["id"] if "id" in groups.columns else []
    for row in groups.iter_rows(named=True):
        top = cards.filter(pl.col("segment") == row["segment"]).head(SHOWN_ITEMS)
        liked = ", ".join(
            f"{short(name)} ({lift:.1f}x)" for name, lift in top.select("name", "lift").rows()
        )
        called = [text for text in (row.get("id"), None if brief else row.get("name")) if text]
        ids = [short(" ".join(map(str, called)))] if named else []
        back = known_back.get(row["segment"])
        comes = []
        if back is not None:
            comes = [f"{back['jaccard']:.2f}" + ("" if brief else f" {back['verdict']}")]
        counted = [f"{row['share']:.1%}"] if brief else [str(row["size"]), f"{row['share']:.1%}"]
        rows.append([str(row["segment"]), *ids, *counted, *comes, liked])
    counts = ["share of alpha"] if brief else ["users", "share"]
    title = ["segment", *named, *counts, *(["comes back"] if known_back else [])]
    title += ["likes more than others do (lift)"]
    left = [*([1] if named else []), *range(len(named) + len(counts) + 1, len(title))]
    return render(title, rows, "details" if brief else "segments", left=left)


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


def _k(folder: Path) -> int:
    return len(pl.read_parquet(folder / "groups.parquet", columns=["segment"]))
