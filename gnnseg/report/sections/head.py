"""What a page begins with: what was run, what to beware of, and the figures that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import lengths, refits, tables
from gnnseg.report import losing as losses
from gnnseg.report.html import escape, number

PROTOCOLS = {
    "clean": "early stopping on validation, test read once, items of train and validation left out",
    "paper": "trained on train + validation, best epoch chosen ON TEST, items of train left out",
    "train-mask": "early stopping on validation, test read once, only items of train left out",
}


def model_name(record: Mapping[str, Any]) -> str:
    """Return encoder and head in words: 'LightGCN + Segments (distribution, K = 16)'.

    Of a baseline its name, and that of what clusters its users.
    """
    config = record["config"]
    groups = [g for g in ("baseline", "encoder", "head") if config.get(g)] or ["encoder", "head"]
    parts = [str((config.get(g) or {}).get("_target_", "?")).rsplit(".", 1)[-1] for g in groups]
    head = config.get("head") or {}
    details = [str(head[key]) for key in ("beta",) if key in head]
    details += [f"K = {head['segments']}"] if head.get("segments") else []
    details += [f"top {head['top']}"] if head.get("top") else []
    return " + ".join(parts) + (f" ({', '.join(details)})" if details else "")


def model(record: Mapping[str, Any]) -> str:
    """Say what was run: data, model, sizes, protocol."""
    d = record["data"]
    return (
        f'<p class="soft">{escape(model_name(record))}: {d["users"]:,} users, '
        f"{d['items']:,} items; "
        f"{d['train']:,} train, {d['valid']:,} validation and {d['test']:,} test pairs "
        f"({escape(d.get('notes', {}).get('split', d['split']))}). "
        f"Protocol <b>{escape(record['protocol'])}</b>: "
        f"{escape(PROTOCOLS.get(record['protocol'], ''))}{escape(tables.asked(record))}.</p>"
    )


def losing(record: Mapping[str, Any]) -> str:
    """Say first which baselines a run is not better than."""
    said = losses.sentence(record)
    return f'<div class="warning" role="alert">{escape(said)}</div>' if said else ""


def warnings(record: Mapping[str, Any], *more: str | None) -> str:
    """Show the run's warnings, and what else is to be known before the figures are used."""
    found = [*record["alarms"], *(text for text in more if text)]
    if record["protocol"] == "paper":
        found.append(
            "protocol paper: the best epoch was chosen on the test set; these figures flatter"
        )
    if not record.get("exact", True):
        found.append(
            "trained by several processes, or resumed on another machine, torch or thread count: "
            "last digits may differ"
        )
    return "".join(f'<div class="warning">{escape(warning)}</div>' for warning in found)


def headline(record: Mapping[str, Any], folder: Path) -> str:
    """Show the figures that count."""
    shown = [*_ranking(refits.evaluated(record)), *_sharpness(record["metrics"], folder)]
    if record.get("seconds", {}).get("total"):
        seconds = record["seconds"]
        training = f"{_duration(seconds['train'])} training"
        shown.append((_duration(seconds["total"]), "in all", training))
    cells = "".join(
        f'<div class="kpi"><b>{v}</b>{escape(t)}<span>{escape(s)}</span></div>' for v, t, s in shown
    )
    return f'<div class="kpis">{cells}</div>' if shown else ""


def _ranking(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the test figures, each against the baselines': figure, what it is, a note."""
    baselines = record.get("baselines", {})
    k = lengths.first(record["metrics"])
    for metric in (f"test/ndcg@{k}", f"test/recall@{k}"):
        value = record["metrics"].get(metric)
        if value is not None:
            notes = [
                f"{value / m[metric]:.2f} × {who}" for who, m in baselines.items() if m.get(metric)
            ]
            of = " of the evaluated run" if "refit" in record else ""
            yield number(value), metric.replace("/", " ") + of, "; ".join(notes)


def _sharpness(m: Mapping[str, float | None], folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield how many segments there really are: figure, what it is, a note."""
    groups, m = folder / "groups.parquet", {n: v for n, v in m.items() if v is not None}
    if "segment/effective_k" in m:
        k = len(pl.read_parquet(groups)) if groups.exists() else "?"
        note = "exp of the mean alpha's entropy"
        yield f"{m['segment/effective_k']:.1f}", f"effective segments of {k}", note
    if "segment/segments_per_user" in m:
        note = "exp of a user's mean entropy"
        yield f"{m['segment/segments_per_user']:.1f}", "segments a user", note
    if "habit/weight" in m:
        yield f"{m['habit/weight']:.0%}", "habit", "a user's own past, on average"
    if "segment/self_assign" in m:
        known = m.get("segment/self_assign_known")
        note = "their own segment again, by their training history alone"
        note += "" if known is None else f"; {known:.0%} with attributes and friends"
        yield f"{m['segment/self_assign']:.0%}", "of trained users: assign gives", note
    if "segment/recovery_ari" in m:
        note = "hard segments against the planted truth"
        yield number(m["segment/recovery_ari"], 3), "recovery (ARI)", note


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
