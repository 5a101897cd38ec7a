"""What a finished run leaves in its folder, so that it can answer alone.

Shape legend: U users, I items, K segments, D width, T length of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.data.atomic import atomic
from gnnseg.data.labels import Labelled
from gnnseg.evaluation import pairs, ranking, segments
from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.mapped import kept
from gnnseg.models.encoders import Encoder
from gnnseg.models.encoders.base import ReadableEncoder
from gnnseg.models.finished import Recommending
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.lists import long_list, segments_frame
from gnnseg.sparse import Csr
from gnnseg.types import (
    Embeddings,
    Features,
    HabitScorer,
    IdMap,
    Pairs,
    Scorer,
    Segmentation,
    Split,
)

LENGTH = 20  # items in a stored list
SAMPLE = 200  # users whose lists are stored
EXAMPLES = 6  # users whose lists are shown with their split over segments
EXAMPLE_LENGTH = 5


def write(
    folder: RunFolder,
    split: Split,
    train_pairs: Pairs,
    model: Recommending,
    embeddings: Embeddings,
    scorer: Scorer,
    result: Evaluation,
    reasons: Sequence[str | None],
    seen: str,
) -> None:
    """Write every file but run.json, state.pt, the page, and what follows here.

    ``reasons``: why each user is in no segment, None where they are in one. ``seen``: whether lists
    leave out what users have, mask, or not, allow.
    """
    _tensors(folder, train_pairs, model, embeddings, scorer)
    _ids_and_pairs(folder, split)
    if result.per_user:
        per_user = {name: value for name, value in result.per_user.items() if name != "user"}
        who = split.users.ids[result.per_user["user"]].astype(str)
        folder.write_parquet("per_user.parquet", pl.DataFrame({"user": who, **per_user}))
    mask = pairs.known(split).to(embeddings.user_UD.device) if seen == "mask" else None
    sample = np.unique(
        np.linspace(0, len(split.users) - 1, min(SAMPLE, len(split.users))).astype(np.int64)
    )
    users = torch.from_numpy(sample).to(embeddings.user_UD.device)
    items, scores = ranking.topk(scorer, users, min(LENGTH, len(split.items)), mask)
    lists = [long_list("user", split.users.ids[users.cpu().numpy()], items, scores, split.items)]
    if isinstance(scorer, Segmentation):
        _segments(folder, split, embeddings, scorer, reasons)
        beyond = segments.beyond(scorer.alpha, scorer.beta)
        top_scores, top_items = beyond.topk(min(LENGTH, len(split.items)), dim=-1)
        numbers = np.array([str(k + 1) for k in range(len(beyond))], dtype=object)
        lists.append(long_list("segment", numbers, top_items, top_scores, split.items))
        folder.write_parquet(
            "examples.parquet",
            _examples(split, scorer, users[:: max(1, len(users) // EXAMPLES)][:EXAMPLES], mask),
        )
    if result.cards is not None:
        folder.write_parquet("cards.parquet", result.cards)
    folder.write_parquet("recommendations.parquet", pl.concat(lists))


def write_attributes(
    folder: RunFolder,
    features: Features,
    columns: Mapping[str, Sequence[str]],
    train_pairs: Pairs,
    encoder: Encoder | None,
    scorer: Scorer,
) -> None:
    """Write attributes.parquet, where an encoder's weights can be read by attribute.

    Columns kind, attribute, deviation, weight, segment_1..K. Deviation s_f: standard deviation of
    the attribute among those met in training; weight (D,): what one unit adds to an embedding;
    segment_k = w_f (c_k/|c_k| - mean_l c_l/|c_l|): how far one unit pulls towards segment k more
    than towards the average one, c the users' or the items' prototypes.
    """
    if not isinstance(encoder, ReadableEncoder):
        return
    directions = scorer.directions() if isinstance(scorer, Segmentation) else {}
    frames = []
    for kind, weight in encoder.attribute_weights().items():
        weight_FD, matrix = weight.detach().cpu(), getattr(features, kind)
        met = torch.from_numpy(np.unique(getattr(train_pairs, kind))).to(matrix.device)
        deviation_F = matrix[met].double().std(0, correction=0).float().cpu()
        series = {
            "kind": pl.Series([kind] * len(weight_FD), dtype=pl.String),
            "attribute": pl.Series(list(columns[kind]), dtype=pl.String),
            "deviation": pl.Series(deviation_F.tolist(), dtype=pl.Float32),
            "weight": pl.Series(weight_FD.tolist(), dtype=pl.List(pl.Float32)),
        }
        if kind in directions:
            unit_KD = torch.nn.functional.normalize(directions[kind].detach().cpu(), dim=-1)
            pull_FK = weight_FD @ (unit_KD - unit_KD.mean(0)).T
            series |= {
                f"segment_{k + 1}": pl.Series(pull_F.tolist(), dtype=pl.Float32)
                for k, pull_F in enumerate(pull_FK.T)
            }
        frames.append(pl.DataFrame(series))
    folder.write_parquet("attributes.parquet", pl.concat(frames))


def write_profiles(
    folder: RunFolder,
    people_UF: Tensor | None,
    columns: Sequence[str],
    train_pairs: Pairs,
    scorer: Scorer,
) -> None:
    """Write profiles.parquet: what is telling of each segment's people, where it is known."""
    if people_UF is not None and isinstance(scorer, Segmentation):
        folder.write_parquet(
            "profiles.parquet",
            segments.attribute_profiles(scorer.alpha, people_UF, columns, train_pairs),
        )


def write_labels(folder: RunFolder, users: IdMap, labels: Labelled, classes_UC: Tensor) -> None:
    """Write labels.parquet: everybody's class as known, whether training saw it, as predicted."""
    chance_U, said_U = classes_UC.max(-1)
    names = np.array([*labels.classes, None], dtype=object)  # -1, not labelled, is the last
    columns = {
        "user": users.ids.tolist(),
        "label": names[labels.label].tolist(),
        "told": labels.observed,
        "predicted": names[said_U.cpu().numpy()].tolist(),
        "probability": chance_U.double().cpu().numpy(),
    }
    text = {"user": pl.String, "label": pl.String, "predicted": pl.String}
    folder.write_parquet("labels.parquet", pl.DataFrame(columns, schema_overrides=text))


def finish(
    folder: RunFolder, record: dict[str, Any], tracker: Any, say: Callable[[str], None]
) -> None:
    """Write summary, page, the tracker's tables, and run.json, by which the run is finished."""
    from gnnseg.report import fonts, tables
    from gnnseg.runs import pages, summary

    folder.write_json({**record, "state": "running"})
    summary.write(folder.path)
    pages.write(folder.path)
    if (warning := fonts.warning(folder.path)) is not None:
        say(f"report.html: {warning}")
    hand_over(folder, record, tracker)
    folder.write_json(record)
    say(tables.run(folder.path))


def hand_over(folder: RunFolder, record: Mapping[str, Any], tracker: Any) -> None:
    """Give a tracker the final figures, tables, plots and page, of people as report.people says."""
    from gnnseg.report import dashboards, sharing

    tracker.summary(dashboards.figures(record))
    if (frame := dashboards.baselines(record)) is not None:
        tracker.table("baselines", frame)
    if record["alarms"]:
        tracker.table("alarms", pl.DataFrame({"alarm": record["alarms"]}))
    if record["losing"]:
        tracker.table("losing", pl.DataFrame(record["losing"], schema_overrides={"p": pl.Float64}))
    for name in ("summary", "cards", "recommendations", "examples", "evidence", "associations"):
        if folder.file(f"{name}.parquet").exists():
            frame = pl.read_parquet(folder.file(f"{name}.parquet"))
            allowed = sharing.for_tracking(folder.path, name, frame, sharing.people(record))
            if allowed is not None:
                lists = pl.col(pl.List(pl.String)).list.join(", ")
                tracker.table(name, allowed.with_columns(lists))
    for name, figure in dashboards.plots(folder.path, sharing.people(record)):
        tracker.figure(name, figure)
    if folder.file("report.html").exists():
        tracker.page(folder.file("report.html"))


def _tensors(
    folder: RunFolder,
    train_pairs: Pairs,
    model: Recommending,
    embeddings: Embeddings,
    scorer: Scorer,
) -> None:
    from safetensors.torch import save_file

    def own(value: Tensor) -> Tensor:
        return value.detach().cpu().contiguous().clone()

    counts = np.bincount(train_pairs.item, minlength=len(embeddings.item_ID))
    scores = {
        "user": own(embeddings.user_UD),
        "item": own(embeddings.item_ID),
        "item_counts": torch.from_numpy(counts),
    }
    for stored in (scorer.stored(), model.kept()):
        scores |= {name: own(value) for name, value in stored.items()}
    with atomic(folder.file("scores.safetensors")) as aside:
        save_file(scores, aside)
    with atomic(folder.file("model.safetensors")) as aside:
        save_file({name: own(value) for name, value in model.learned().items()}, aside)


def _ids_and_pairs(folder: RunFolder, split: Split) -> None:
    frames = []
    for kind, ids in (("user", split.users), ("item", split.items)):
        frames.append(
            pl.DataFrame(
                {
                    "kind": [kind] * len(ids),
                    "index": np.arange(len(ids)),
                    "id": ids.ids.tolist(),
                    "name": [None] * len(ids) if ids.names is None else ids.names.tolist(),
                },
                schema={"kind": pl.String, "index": pl.Int64, "id": pl.String, "name": pl.String},
            )
        )
    folder.write_parquet("ids.parquet", pl.concat(frames))
    parts = list(split.parts.values())
    columns: dict[str, Any] = {
        name: kept(np.concatenate([getattr(p, name) for p in parts])) for name in ("user", "item")
    }
    columns["part"] = np.concatenate(
        [np.full(len(p), i, dtype=np.int8) for i, p in enumerate(parts)]
    )
    columns |= {
        name: kept(np.concatenate([getattr(p, name) for p in parts]))
        for name in ("weight", "count")
    }
    for name in ("spend", "visits"):
        found = [column for p in parts if (column := getattr(p, name)) is not None]
        if len(found) == len(parts):
            columns[name] = kept(np.concatenate(found))
    folder.write_arrays("seen.npz", columns)


def _segments(
    folder: RunFolder,
    split: Split,
    embeddings: Embeddings,
    scorer: Segmentation,
    reasons: Sequence[str | None],
) -> None:
    alpha = scorer.alpha.float().cpu()
    placed = np.array([each is None for each in reasons], dtype=bool)
    habits = scorer.habits if isinstance(scorer, HabitScorer) else None
    folder.write_parquet(
        "segments.parquet", segments_frame(split.users.ids, alpha, reasons, habits)
    )
    alpha = alpha * torch.from_numpy(placed)[:, None]  # nobody's mass is a segment's
    mass_K = alpha.double().sum(0)
    user_UD = embeddings.user_UD if scorer.vectors is None else scorer.vectors
    group_KD = (alpha.double() / mass_K.clamp(min=1e-12)).T @ user_UD.double().cpu()
    prototype = group_KD if scorer.prototypes is None else scorer.prototypes.detach()
    effective = mass_K.square() / alpha.double().square().sum(0).clamp(min=1e-12)
    size = np.bincount(segments.hard(alpha)[placed], minlength=alpha.shape[1])
    groups = pl.DataFrame(
        {
            "segment": np.arange(1, alpha.shape[1] + 1),
            "size": size.astype(np.int64),
            "effective_size": effective.numpy(),
            "share": (mass_K / mass_K.sum()).numpy(),
            "group": group_KD.float().tolist(),
            "prototype": prototype.float().cpu().tolist(),
        },
        schema_overrides={"group": pl.List(pl.Float32), "prototype": pl.List(pl.Float32)},
    )
    folder.write_parquet("groups.parquet", groups)


def _examples(split: Split, scorer: Segmentation, users: Tensor, mask: Csr | None) -> pl.DataFrame:
    """Return a few users' first recommendations with their split over segments."""
    items, scores = ranking.topk(scorer, users, min(EXAMPLE_LENGTH, len(split.items)), mask)
    frames = []
    for row, user in enumerate(users):
        shown = items[row][items[row] >= 0]
        why = scorer.explain(user.repeat(len(shown)), shown)
        parts = why.segments.double().cpu().numpy()
        nothing = [None] * len(shown)
        frames.append(
            pl.DataFrame(
                {
                    "user": [str(split.users.ids[int(user)])] * len(shown),
                    "rank": np.arange(1, len(shown) + 1),
                    "item": split.items.ids[shown.cpu().numpy()].tolist(),
                    "name": [split.items.name(int(i)) for i in shown],
                    "score": scores[row][: len(shown)].double().cpu().numpy(),
                    "shares": [why.shares] * len(shown),
                    "bias": nothing if why.bias is None else why.bias.double().cpu().numpy(),
                    "personal": nothing
                    if why.personal is None
                    else why.personal.double().cpu().numpy(),
                    **({} if why.habit is None else {"habit": why.habit.double().cpu().numpy()}),
                    **{f"part_{k + 1}": parts[:, k] for k in range(parts.shape[1])},
                },
                schema_overrides={
                    "user": pl.String,
                    "item": pl.String,
                    "name": pl.String,
                    "score": pl.Float64,
                    "shares": pl.Boolean,
                    "bias": pl.Float64,
                    "personal": pl.Float64,
                },
            )
        )
    return pl.concat(frames)
