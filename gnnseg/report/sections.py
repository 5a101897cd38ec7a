"""The parts of a run's page, each from the run's folder; a part that has nothing to show is an
empty text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import fonts, plots, tables, words
from gnnseg.report.html import (
    definitions,
    dot,
    escape,
    figure,
    name,
    number,
    percent,
    segment_style,
    table,
)

CARDS = 100  # segments with a card of their own, the largest first
CARD_ITEMS = 8
WANTED = 5
WEIGHTS = 12  # attributes in a table
WEIGHT_SEGMENTS = 16  # columns of it
SHOWN_SHARE = 0.04  # smaller shares of a recommendation are added up as the rest
PROTOCOLS = {
    "clean": "early stopping on validation, test read once, items of train and validation left out",
    "paper": "trained on train + validation, best epoch chosen ON TEST, items of train left out",
    "train-mask": "early stopping on validation, test read once, only items of train left out",
}


def model_name(record: Mapping[str, Any]) -> str:
    """Encoder and head in words: 'LightGCN + Segments (distribution, K = 16)'."""
    config = record["config"]

    def component(group: str) -> str:
        return str(config.get(group, {}).get("_target_", "?")).rsplit(".", 1)[-1]

    head = config.get("head", {})
    details = [str(head[key]) for key in ("beta",) if key in head]
    details += [f"K = {head['segments']}"] if head.get("segments") else []
    details += [f"top {head['top']}"] if head.get("top") else []
    return f"{component('encoder')} + {component('head')}" + (
        f" ({', '.join(details)})" if details else ""
    )


def header(record: Mapping[str, Any]) -> str:
    d = record["data"]
    state = "" if record["state"] in ("finished", "running") else f"This run is {record['state']}. "
    return (
        f'<header><div class="eyebrow">gnnseg · {escape(record["name"])}</div>'
        f"<h1>{escape(d['name'])}: {escape(model_name(record))}</h1>"
        f'<p class="lead">{escape(state)}{d["users"]:,} users, {d["items"]:,} items; {d["train"]:,} train, '
        f"{d['valid']:,} validation and {d['test']:,} test pairs "
        f"({escape(d.get('notes', {}).get('split', d['split']))}). "
        f"Protocol <b>{escape(record['protocol'])}</b>: "
        f"{escape(PROTOCOLS.get(record['protocol'], ''))}.</p></header>"
    )


def warnings(record: Mapping[str, Any], *more: str | None) -> str:
    found = [*record["alarms"], *(text for text in more if text)]
    if record["protocol"] == "paper":
        found.append(
            "protocol paper: the best epoch was chosen on the test set; these figures flatter"
        )
    if not record.get("exact", True):
        found.append("resumed on another machine, torch or thread count: last digits may differ")
    return "".join(f'<div class="alarm" role="alert">{escape(warning)}</div>' for warning in found)


def headline(record: Mapping[str, Any], folder: Path) -> str:
    m = record["metrics"]
    rivals = record.get("baselines", {})
    shown = []
    for metric in ("ndcg@20", "recall@20"):
        value = m.get(f"test/{metric}")
        if value is None:
            continue
        notes = [
            f"{value / values[f'test/{metric}']:.2f} × {rival}"
            for rival, values in rivals.items()
            if values.get(f"test/{metric}")
        ]
        shown.append((number(value), f"test {metric}", "; ".join(notes)))
    if "segment/effective_k" in m:
        k = (
            len(pl.read_parquet(folder / "groups.parquet"))
            if (folder / "groups.parquet").exists()
            else "?"
        )
        shown.append(
            (
                f"{m['segment/effective_k']:.1f}",
                f"effective segments of {k}",
                "exp of the mean alpha's entropy",
            )
        )
    if "segment/segments_per_user" in m:
        shown.append(
            (
                f"{m['segment/segments_per_user']:.1f}",
                "segments a user",
                "exp of a user's mean entropy",
            )
        )
    if "segment/recovery_ari" in m:
        shown.append(
            (
                number(m["segment/recovery_ari"], 3),
                "recovery (ARI)",
                "hard segments against the planted truth",
            )
        )
    if record.get("seconds", {}).get("total"):
        shown.append(
            (
                _duration(record["seconds"]["total"]),
                "in all",
                f"{_duration(record['seconds']['train'])} training",
            )
        )
    cells = "".join(
        f'<div class="kpi"><b>{v}</b>{escape(t)}<span>{escape(s)}</span></div>' for v, t, s in shown
    )
    return f'<div class="kpis">{cells}</div>' if shown else ""


def metrics(record: Mapping[str, Any]) -> str:
    m = record["metrics"]
    names = [n for n in tables.HEADLINE if f"test/{n}" in m]
    if not names:
        return ""
    rows = {"this run": m, **tables.rivals(record, "test/")}
    text = table(
        names, [(who, [values.get(f"test/{n}") for n in names]) for who, values in rows.items()]
    )
    sharp = ""
    tops = [t for t in ("ndcg@20", "recall@20") if f"test/{t}/top1" in m]
    if tops:
        ways = [
            ("all segments", ""),
            ("each user's top 3", "/top3"),
            ("each user's top 1", "/top1"),
        ]
        rows_ = [(who, [m.get(f"test/{t}{suffix}") for t in tops]) for who, suffix in ways]
        sharp = (
            "<h3 style='margin-top:1.4em'>Sharpness</h3><p class=soft>How much of it stands when "
            "users may only use "
            "their largest segments, renormalised. A soft alpha over many segments is little more "
            "than a low-rank "
            f"factorisation.</p>{table(tops, rows_)}"
        )
    everything = "".join(f"{key:<28} {number(value, 6)}\n" for key, value in sorted(m.items()))
    return (
        f"<section><h2>Figures</h2><p class=soft>{escape(tables.protocol(record))}. Means over "
        "test users; the best of "
        "each column is bold. Posthoc is k-means on this run's own user "
        f"embeddings.</p>{text}{sharp}"
        f"<details><summary>All {len(m)} "
        f"figures</summary><pre>{escape(everything)}</pre></details></section>"
    )


ESTIMATORS = {
    "": "SNIPS", "/ips": "IPS", "/dr": "doubly robust", "/switch-dr": "Switch-DR",
    "/dm": "reward model alone",
    "/logger": "the log itself",
}  # fmt: skip


def earnings(record: Mapping[str, Any]) -> str:
    """What the policy would earn on the log's test part, where the run had one with propensities."""
    m = record["metrics"]
    if "test/value" not in m:
        return ""
    known = {who: m.get(f"test/value{name}") for name, who in ESTIMATORS.items()}
    rows = [(who, number(value)) for who, value in known.items() if value is not None]
    logger = record["data"].get("notes", {}).get("logger")
    simulated = "" if logger is None else f" Nobody was really shown this; logger {logger}."
    return (
        "<section><h2>What it would earn</h2><p class=soft>Mean reward of one item shown by this "
        "run's policy instead of the "
        f"log's, estimated on the log's test part ({m['test/value/effective_rows']:,.0f} effective "
        f"rows).{escape(simulated)} "
        "Intervals and segments: gnnseg evaluate RUN --offpolicy "
        f"LOG.</p>{definitions(rows)}</section>"
    )


def labels(record: Mapping[str, Any], folder: Path) -> str:
    """Classes that were known of some users and carried to the others: how well, in all and by
    class."""
    told = record["data"].get("labels")
    if not told or not (folder / "labels.parquet").exists():
        return ""
    frame = pl.read_parquet(folder / "labels.parquet")
    held = frame.filter(pl.col("label").is_not_null() & ~pl.col("told"))
    right = held.filter(pl.col("label") == pl.col("predicted"))
    rows = {"this run": record["metrics"], **tables.rivals(record, "label/")}
    figures = [
        (who, [v.get(f"label/{n}") for n in ("accuracy", "macro_f1")]) for who, v in rows.items()
    ]
    judged = table(["accuracy", "macro-F1"], figures) if len(held) else ""

    def count(frame: pl.DataFrame, column: str) -> dict[str, int]:
        return dict(frame.group_by(column).len().rows())

    among, said, hit = count(held, "label"), count(held, "predicted"), count(right, "label")
    known, everyone = count(frame.filter("told"), "label"), count(frame, "predicted")
    lines = "".join(
        f"<tr><td>{name(each)}</td><td>{known.get(each, 0):,}</td><td>{among.get(each, 0):,}</td>"
        f"<td>{_part(hit.get(each, 0), among.get(each, 0))}</td><td>{_part(hit.get(each, 0), said.get(each, 0))}</td>"
        f"<td>{everyone.get(each, 0):,}</td></tr>"
        for each in told["classes"]
    )
    return (
        f"<section><h2>Labels: {escape(told['column'])}</h2><p class=soft>{told['labelled']:,} of "
        f"{len(frame):,} users are "
        f"labelled; training was told {told['told']:,} of them, and is judged on the "
        f"{told['held_out']:,} held out. Everybody's "
        f"class stands in labels.parquet.</p>{judged}<details><summary>By class</summary><div "
        "class=scroll><table>"
        "<tr><th></th><th>told</th><th>held out</th><th>of them found</th><th>right when "
        "said</th><th>said of everyone</th></tr>"
        f"{lines}</table></div></details></section>"
    )


def _part(count: int, whole: int) -> str:
    return percent(count / whole) if whole else "–"


def learning(record: Mapping[str, Any], folder: Path) -> str:
    path = folder / "metrics.jsonl"
    lines = (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )
    if not lines:
        return ""

    def curve(key: str) -> list[tuple[float, float]]:
        return [
            (line["epoch"], line[key])
            for line in lines
            if line.get(key) is not None and "epoch" in line
        ]

    best = record.get("best") or {}
    monitor = str(best.get("metric", "valid/ndcg@20"))
    mark = None
    if best and any(
        line.get("epoch") == best["epoch"] and line.get(monitor) is not None for line in lines
    ):
        mark = (best["epoch"], best["value"], f"epoch {best['epoch']}: {best['value']:.4f}")
    part = monitor.split("/")[0]
    shown = [
        monitor,
        *[f"{part}/{n}" for n in ("recall@20", "ndcg@20") if f"{part}/{n}" != monitor],
    ]
    shown = [key for key in shown if curve(key)]
    state = [key for key in ("segment/effective_k", "segment/segments_per_user") if curve(key)]
    caption = f"Best: {mark[2]}, kept." if mark else "By epoch."
    loss = plots.lines({"train/loss": curve("train/loss")}, x="epoch", alt="Training loss by epoch")
    ranking = plots.lines(
        {k: curve(k) for k in shown}, x="epoch", alt="Validation by epoch", mark=mark
    )
    sharp = plots.lines({k: curve(k) for k in state}, x="epoch", alt="Effective segments by epoch")
    names = ["effective K", "segments a user"][: len(state)]
    figures = [
        figure("Training loss", loss, "Every term, weighted."),
        figure(
            "Validation" if part == "valid" else "Test (protocol paper)", ranking, caption, shown
        ),
        figure("Segments", sharp, "Collapse would show as a fall towards 1.", names),
    ]
    return f'<section><h2>Learning</h2><div class="grid">{"".join(figures)}</div></section>'


def segments(folder: Path) -> str:
    """How large the segments are, and how sharply users belong to them."""
    if not (folder / "groups.parquet").exists():
        return ""
    groups = pl.read_parquet(folder / "groups.parquet", columns=["segment", "size", "share"]).sort(
        "segment"
    )
    users = max(1, int(groups["size"].sum()))
    sizes = plots.columns(
        (groups["size"] / users).to_list(), [str(k) for k in groups["segment"]],
        ticks=groups["share"].to_list(),
        x="segment", alt="Share of users by segment", hues=True, percent=True,
        show=lambda v: f"{v:.1%}", width=1160,
    )  # fmt: skip
    said = "Columns: users whose first segment it is. Lines: its share of all memberships."
    wide = figure("Sizes", sizes, said, wide=True)
    figures = _alpha(folder) if (folder / "segments.parquet").exists() else []
    return f'<section><h2>Segments</h2>{wide}<div class="grid">{"".join(figures)}</div></section>'


def _alpha(folder: Path) -> list[str]:
    """The alpha distribution in three pictures."""
    import numpy as np

    alpha = (
        pl.read_parquet(folder / "segments.parquet")
        .select(pl.selectors.starts_with("alpha_"))
        .to_numpy()
    )
    k = alpha.shape[1]
    entropy = -(alpha * np.log(np.maximum(alpha, 1e-12))).sum(1)
    each = [math.exp(value) for value in entropy.tolist()]
    largest, edges = plots.histogram(alpha.max(1).tolist(), 0.0, 1.0, 20)
    high = float(max(2, min(k, 16)))
    held, low = plots.histogram(each, 1.0, high, 15)
    ranked = np.sort(alpha, axis=1)[:, ::-1].mean(0)[:12].tolist()

    def of_users(value: float) -> str:
        return f"{value:.1%} of users"

    first = plots.columns(
        largest, edges, x="largest alpha", alt="Largest alpha of users", percent=True, show=of_users
    )
    many = plots.columns(
        held,
        low,
        x="exp(entropy of alpha)",
        alt="Segments a user is in",
        percent=True,
        show=of_users,
    )
    ranks = plots.columns(
        ranked, [str(n + 1) for n in range(len(ranked))], x="a user's n-th largest segment",
        alt="Mean alpha by rank",
        percent=True, show=lambda v: f"{v:.1%}",
    )  # fmt: skip
    beyond = f"; the last column holds all above {high:.0f}" if k > high else ""
    return [
        figure("Largest alpha", first, f"1: wholly in one segment; 1/{k}: in all of them alike."),
        figure(
            "Segments a user is in",
            many,
            f"exp(mean entropy) {math.exp(entropy.mean()):.1f} of {k}{beyond}.",
        ),
        figure(
            "Alpha by rank",
            ranks,
            "How much of a user the first, second, … segment holds, on average.",
        ),
    ]


def cards(folder: Path) -> str:
    """A card for each segment: what it likes more than others do, and what it wants beyond what
    everyone wants."""
    if not (folder / "cards.parquet").exists() or not (folder / "groups.parquet").exists():
        return ""
    groups = pl.read_parquet(folder / "groups.parquet").sort(
        "share", "segment", descending=[True, False]
    )
    liked = fonts.legible(pl.read_parquet(folder / "cards.parquet"))
    wanted = pl.DataFrame()
    if (folder / "recommendations.parquet").exists():
        wanted = fonts.legible(
            pl.read_parquet(folder / "recommendations.parquet").filter(pl.col("kind") == "segment")
        )
    people = words.segments(folder)
    how = (
        "Above: its people against everyone (sd: standard deviations), where the difference is "
        "sure."
        if people
        else ""
    )
    widest = max(1.0, math.log(max([1.0, *liked["lift"].to_list()])))
    shown = []
    for group in groups.head(CARDS).iter_rows(named=True):
        k = group["segment"]
        items = []
        for row in (
            liked.filter(pl.col("segment") == k).sort("rank").head(CARD_ITEMS).iter_rows(named=True)
        ):
            width = max(0.0, math.log(max(row["lift"], 1e-9))) / widest
            hint = f"{row['share']:.2%} of the segment, {row['base']:.2%} of all; {row['support']:,} training pairs"
            items.append(
                f'<li title="{escape(hint)}">{name(row["name"])}<span class="bar"><i style="width:{width:.0%};'
                f'{segment_style(k)}"></i></span><span class="v">{row["lift"]:.1f} ×</span></li>'
            )
        beyond = (
            wanted.filter(pl.col("id") == str(k)).sort("rank").head(WANTED)["name"].to_list()
            if len(wanted)
            else []
        )
        requires = f'<p class="wants">Wants beyond everyone: {" · ".join(f"<bdi>{escape(n)}</bdi>" for n in beyond)}</p>'
        shown.append(
            f'<article class="card" id="segment-{k}"><div class="seghead"><h3>{dot(k)}Segment {k}</h3>'
            f"<span>{group['size']:,} users · {percent(group['share'])} of alpha</span></div>"
            f"{_who(people.get(k))}"
            f'<ol class="items">{"".join(items) or "<li>no item has enough support</li>"}</ol>'
            f"{requires if beyond else ''}</article>"
        )
    more = (
        f"<p class=soft>… and {len(groups) - CARDS} smaller ones.</p>"
        if len(groups) > CARDS
        else ""
    )
    return (
        "<section><h2>What each segment likes</h2><p class=soft>Lift: how many times more often "
        "than among everyone "
        "(alpha-weighted share of training pairs / overall share; items with enough support). "
        "Largest segments first. "
        f'{how}</p><div class="cards">{"".join(shown)}</div>{more}</section>'
    )


def _who(said: str | None) -> str:
    """Who is in a segment, in words; nothing where nothing is known of people."""
    faint = " soft" if said == words.NOTHING else ""
    return f'<p class="who{faint}"><bdi>{escape(said)}</bdi></p>' if said else ""


def attributes(folder: Path) -> str:
    """The strongest weights by attribute, where the encoder's weights can be read."""
    tables_ = []
    for kind, title in (("user", "People"), ("item", "Items")):
        frame = words.weights(folder, kind, WEIGHTS)
        if not len(frame):
            continue
        columns, shown = frame.columns[1 : 1 + WEIGHT_SEGMENTS], []
        largest = max(1e-9, *(abs(value) for row in frame.select(columns).rows() for value in row))
        for name_, *values in frame.select("attribute", *columns).rows():
            cells = "".join(_pull(value, largest) for value in values)
            shown.append(
                f"<tr><td>{escape(name_.replace('=', ' ', 1).replace('_', ' '))}</td>{cells}</tr>"
            )
        head = "".join(f"<th>{dot(int(c[8:]))}{c[8:]}</th>" for c in columns)
        tables_.append(
            f"<div><h3>{title}</h3><div class=scroll><table class=weights><tr><th>towards "
            f"segment</th>{head}</tr>{''.join(shown)}</table>"
            "</div></div>"
        )
    if not tables_:
        return ""
    return (
        "<section><h2>Weights by attribute</h2><p class=soft>How far one standard deviation of an "
        "attribute pulls towards a "
        "segment, beyond its pull towards the average one: what the encoder's weighted sums say. "
        "The strongest first. "
        f'</p><div class="grid pair">{"".join(tables_)}</div></section>'
    )


def _pull(value: float, largest: float) -> str:
    """A cell, the stronger the deeper its colour: blue pulls towards, red away."""
    colour = f"color-mix(in oklab,var(--{'accent' if value > 0 else 'neg'}) {55 * abs(value) / largest:.0f}%,transparent)"
    return f'<td style="background:{colour}">{words.signed(value)}</td>'


def examples(folder: Path) -> str:
    """A few users' recommendations, each split over the segments it came through."""
    if not (folder / "examples.parquet").exists():
        return ""
    frame = fonts.legible(pl.read_parquet(folder / "examples.parquet"))
    shares = bool(len(frame)) and all(frame["shares"])
    hybrid = frame["personal"].null_count() < len(frame)
    how = (
        "A score is a sum over segments, so that the split is arithmetic: each bar shows the "
        "segments' shares of it"
        if shares
        else "A score is a sum of signed contributions: to the right what speaks for the item, to the left what speaks "
        "against it, in parts of the logit"
    )
    if hybrid:
        how += "; the segment part and the personal part of the logit stand below"
    titles, mine = _titles(folder), _memberships(folder, frame["user"].unique().to_list())
    shown = []
    for (user,), rows in frame.group_by("user", maintain_order=True):
        lists = "".join(
            _recommendation(row, titles) for row in rows.sort("rank").iter_rows(named=True)
        )
        shown.append(
            f'<article class="card"><h3>User <bdi>{escape(user)}</bdi></h3>{mine.get(user, "")}{lists}</article>'
        )
    return (
        "<section><h2>Examples: recommendations and where they come from</h2><p "
        f"class=soft>{how}.</p>"
        f'<div class="cards">{"".join(shown)}</div></section>'
    )


def _titles(folder: Path) -> dict[int, str]:
    """What to call a segment where there is room for a few words: what it likes most."""
    if not (folder / "cards.parquet").exists():
        return {}
    cards = fonts.legible(pl.read_parquet(folder / "cards.parquet")).sort("segment", "rank")
    grouped = cards.group_by("segment", maintain_order=True).agg(pl.col("name").head(3))
    return {k: ", ".join(names) for k, names in grouped.rows()}


def _memberships(folder: Path, users: list[str]) -> dict[str, str]:
    """The segments that a user is in, in a line."""
    if not (folder / "segments.parquet").exists():
        return {}
    found = {}
    for row in (
        pl.scan_parquet(folder / "segments.parquet")
        .filter(pl.col("user").is_in(users))
        .collect()
        .rows()
    ):
        large = sorted(
            ((value, k) for k, value in enumerate(row[2:], 1)), key=lambda part: (-part[0], part[1])
        )[:3]
        told = [f"{k} ({percent(value)})" for value, k in large if value >= SHOWN_SHARE]
        found[row[0]] = (
            f'<p class="in">in segment{"s" if len(told) > 1 else ""} {", ".join(told)}</p>'
        )
    return found


def _recommendation(row: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    parts = [
        (int(key[5:]), value)
        for key, value in row.items()
        if key.startswith("part_") and value is not None
    ]
    head = f'<div class="t">{name(row["name"])}<span>{row["score"]:.2f}</span></div>'
    if row["shares"]:
        below = ""
        if row["personal"] is not None:
            below = f'<div class="two">segments {row["bias"]:+.2f}, personal {row["personal"]:+.2f}</div>'
        return f'<div class="rec">{head}{_stack([(k, v) for k, v in parts if v > 0], 1.0, True, titles)}{below}</div>'
    most = max(sum(v for _, v in parts if v > 0), -sum(v for _, v in parts if v < 0), 1e-9)
    minus = _stack([(k, -v) for k, v in parts if v < 0], most, False, titles, "minus")
    plus = _stack([(k, v) for k, v in parts if v > 0], most, False, titles)
    bias = (
        ""
        if row["bias"] is None
        else f'<div class="two">segments {sum(v for _, v in parts):+.2f}, item bias {row["bias"]:+.2f}</div>'
    )
    return f'<div class="rec">{head}<div class="signed">{minus}{plus}</div>{bias}</div>'


def _stack(
    parts: list[tuple[int, float]],
    whole: float,
    shares: bool,
    titles: Mapping[int, str],
    kind: str = "",
) -> str:
    """Parts side by side, the largest first; those too small to see are added up."""
    parts = sorted(parts, key=lambda part: -part[1])
    large = [part for part in parts if part[1] / whole >= SHOWN_SHARE]
    rest = sum(value for _, value in parts[len(large) :])
    sign = "−" if kind else "+"
    cells = []
    for k, value in large:
        told = percent(value) if shares else f"{sign}{value:.2f}"
        label = (
            (f"{k}: {told}" if value / whole >= 0.17 else str(k)) if value / whole >= 0.06 else ""
        )
        about = f" ({titles[k]})" if k in titles else ""
        cells.append(
            f'<a class="part" href="#segment-{k}" style="width:{value / whole:.2%};{segment_style(k)}" '
            f'title="segment {k}: {told}{escape(about)}">{label}</a>'
        )
    if rest / whole > 0.002:
        told = percent(rest) if shares else f"{sign}{rest:.2f}"
        cells.append(
            f'<span class="part rest" style="width:{rest / whole:.2%}" title="other segments: {told}"></span>'
        )
    return f'<div class="stack {kind}">{"".join(cells)}</div>'


def data(record: Mapping[str, Any]) -> str:
    """How the data were read, cleaned and split."""
    notes = record["data"].get("notes", {})
    rows = [(key, _flat(value)) for key, value in notes.items() if value not in ({}, [], None)]
    pairs = record["data"].get("pairs", {})
    rows += [
        (f"{part} pairs", f"{record['data'][part]:,} (fingerprint {pairs.get(part, '?')})")
        for part in pairs
    ]
    return (
        "<section><h2>Data and provenance</h2>"
        f"<details><summary>How the data were read and split</summary>{definitions(rows)}</details>"
    )


def provenance(record: Mapping[str, Any]) -> str:
    device, seconds = record.get("device", {}), record.get("seconds", {})
    best = record.get("best") or {}
    rows: list[tuple[str, Any]] = [
        ("best epoch", f"{best['epoch']} ({best['metric']} {best['value']:.4f})" if best else None),
        ("device", f"{device.get('name')} ({device.get('why')}), {device.get('threads')} threads"),
        ("seconds", ", ".join(f"{phase} {value:.1f}" for phase, value in seconds.items())),
        ("memory", f"{record['memory_mb']:.0f} MB at most" if record.get("memory_mb") else None),
        ("parameters", f"{record['parameters']:,}" if record.get("parameters") else None),
        ("content fingerprint", record["data"]["fingerprint"]),
        ("run hash", record["hash"]),
        ("git", record.get("git")),
        ("source digest", record.get("source")),
        (
            "versions",
            ", ".join(
                f"{package} {version}" for package, version in record.get("versions", {}).items()
            ),
        ),
    ]
    config = escape(json.dumps(record["config"], indent=1, ensure_ascii=False))
    return (
        f"<details open><summary>Provenance</summary>{definitions(rows)}</details>"
        f"<details><summary>Configuration</summary><pre>{config}</pre></details></section>"
    )


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value[:10])) + (" …" if len(value) > 10 else "")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
