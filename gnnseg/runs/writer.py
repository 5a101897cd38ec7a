"""What a finished run leaves in its folder, so that it can answer alone.

Shape legend: U users, I items, K segments, D width, T length of a list.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.data.atomic import atomic
from gnnseg.data.labels import Labelled
from gnnseg.evaluation import ranking, segments
from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.models.encoders import Encoder, Linear
from gnnseg.models.model import Model
from gnnseg.runs.folder import RunFolder
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, Features, IdMap, Pairs, Scorer, Segmentation, Split, Strings

LENGTH = 20  # items in a stored list
SAMPLE = 200  # users whose lists are stored
EXAMPLES = 6  # users whose lists are shown with their split over segments
EXAMPLE_LENGTH = 5
KEPT = (".lock", ".holder")


def clear(folder: RunFolder) -> None:
    """Empty the folder for a run from the start."""
    import shutil

    for path in folder.path.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write(
    folder: RunFolder,
    split: Split,
    train_pairs: Pairs,
    model: Model,
    embeddings: Embeddings,
    scorer: Scorer,
    verdict: Evaluation,
) -> None:
    """Every file but run.json, state.pt and the page."""
    _tensors(folder, train_pairs, model, embeddings, scorer)
    _ids_and_pairs(folder, split)
    per_user = {name: value for name, value in verdict.per_user.items() if name != "user"}
    folder.write_parquet(
        "per_user.parquet",
        pl.DataFrame({"user": split.users.ids[verdict.per_user["user"]].astype(str), **per_user}),
    )
    mask = seen(split).to(embeddings.user_UD.device)
    sample = np.unique(
        np.linspace(0, len(split.users) - 1, min(SAMPLE, len(split.users))).astype(np.int64)
    )
    users = torch.from_numpy(sample).to(embeddings.user_UD.device)
    items, scores = ranking.topk(scorer, users, min(LENGTH, len(split.items)), mask)
    lists = [long_list("user", split.users.ids[users.cpu().numpy()], items, scores, split.items)]
    if isinstance(scorer, Segmentation):
        _segments(folder, split, train_pairs, model, embeddings, scorer)
        beyond = segments.beyond(scorer.alpha, scorer.beta)
        top_scores, top_items = beyond.topk(min(LENGTH, len(split.items)), dim=-1)
        numbers = np.array([str(k + 1) for k in range(len(beyond))], dtype=object)
        lists.append(long_list("segment", numbers, top_items, top_scores, split.items))
        folder.write_parquet(
            "examples.parquet",
            _examples(split, scorer, users[:: max(1, len(users) // EXAMPLES)][:EXAMPLES], mask),
        )
    if verdict.cards is not None:
        folder.write_parquet("cards.parquet", verdict.cards)
    folder.write_parquet("recommendations.parquet", pl.concat(lists))


def write_attributes(
    folder: RunFolder,
    features: Features,
    columns: Mapping[str, Sequence[str]],
    train_pairs: Pairs,
    encoder: Encoder,
    scorer: Scorer,
) -> None:
    """attributes.parquet, where an encoder's weights can be read by attribute (``linear``): kind,
    attribute, deviation, weight, segment_1..K.

    deviation s_f: standard deviation of the attribute among those met in training; weight (D,):
    what one unit adds to an embedding; segment_k = w_f (c_k/|c_k| - mean_l c_l/|c_l|): how far one
    unit pulls towards segment k more than towards the average one, c the users' or the items'
    prototypes.
    """
    if not isinstance(encoder, Linear):
        return
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
        prototypes = getattr(scorer, "prototypes" if kind == "user" else "item_prototypes", None)
        if prototypes is not None:
            unit_KD = torch.nn.functional.normalize(prototypes.detach().cpu(), dim=-1)
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
    """profiles.parquet: what is telling of each segment's people, where anything is known of them."""
    if people_UF is not None and isinstance(scorer, Segmentation):
        folder.write_parquet(
            "profiles.parquet", segments.profiles(scorer.alpha, people_UF, columns, train_pairs)
        )


def write_labels(folder: RunFolder, users: IdMap, labels: Labelled, classes_UC: Tensor) -> None:
    """labels.parquet: everybody's class as known, whether training was told it, and as predicted,
    with its chance."""
    chance_U, said_U = classes_UC.max(-1)
    names = np.array([*labels.classes, None], dtype=object)  # -1, not labelled, is the last
    columns = {
        "user": users.ids.tolist(),
        "label": names[labels.label].tolist(),
        "told": labels.told,
        "predicted": names[said_U.cpu().numpy()].tolist(),
        "probability": chance_U.double().cpu().numpy(),
    }
    text = {"user": pl.String, "label": pl.String, "predicted": pl.String}
    folder.write_parquet("labels.parquet", pl.DataFrame(columns, schema_overrides=text))


def finish(
    folder: RunFolder, record: dict[str, Any], tracker: Any, say: Callable[[str], None]
) -> None:
    """run.json (which makes the run a finished one), the page, the tables on the terminal and in
    the tracker."""
    from gnnseg.report import fonts, page, tables

    folder.write_json({**record, "state": "running"})
    with atomic(folder.path / "report.html") as aside:
        aside.write_text(page.render(folder.path), "utf-8")
    if (warning := fonts.warning(folder.path)) is not None:
        say(f"report.html: {warning}")
    tracker.summary({**record["metrics"], "segment/alarms": len(record["alarms"])})
    if record["alarms"]:
        tracker.table("alarms", pl.DataFrame({"alarm": record["alarms"]}))
    for name in ("cards", "recommendations", "examples"):
        if folder.file(f"{name}.parquet").exists():
            tracker.table(name, pl.read_parquet(folder.file(f"{name}.parquet")))
    folder.write_json(record)
    say(tables.run(folder.path))


def seen(split: Split) -> Csr:
    """Every pair of all three parts, (U,I): what a recommendation to a user leaves out."""
    user = np.concatenate([pairs.user for pairs in split.parts.values()])
    item = np.concatenate([pairs.item for pairs in split.parts.values()])
    key = np.unique(user * len(split.items) + item)
    return Csr.of(
        key // len(split.items), key % len(split.items), (len(split.users), len(split.items))
    )


def long_list(
    kind: str, ids: np.ndarray[Any, Any], items: Tensor, scores: Tensor, catalogue: IdMap
) -> pl.DataFrame:
    """(B,T) lists as rows: kind, id, rank from 1, item, name, score; padding (-1) is left out."""
    index = items.cpu().numpy()
    flat = index.ravel()
    names = catalogue.ids if catalogue.names is None else catalogue.names
    frame = pl.DataFrame(
        {
            "kind": [kind] * len(flat),
            "id": np.repeat(ids.astype(str), index.shape[1]).tolist(),
            "rank": np.tile(np.arange(1, index.shape[1] + 1), len(index)),
            "item": catalogue.ids[flat].tolist(),
            "name": names[flat].tolist(),
            "score": scores.double().cpu().numpy().ravel(),
        },
        schema={
            "kind": pl.String,
            "id": pl.String,
            "rank": pl.Int64,
            "item": pl.String,
            "name": pl.String,
            "score": pl.Float64,
        },
    )
    return frame.filter(pl.Series(flat >= 0))


def forget_peak(device: torch.device) -> None:
    """The largest size counts from here: one process may do many runs."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb(device: torch.device) -> float:
    """The process's largest resident size since ``forget_peak``, on macOS since it began; on CUDA
    the allocator's largest instead."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 1e6, 1)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    if peak := next((line for line in lines if line.startswith("VmHWM:")), None):
        return round(int(peak.split()[1]) * 1024 / 1e6, 1)
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(largest * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def _tensors(
    folder: RunFolder, train_pairs: Pairs, model: Model, embeddings: Embeddings, scorer: Scorer
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
    if isinstance(scorer, Segmentation):
        scores |= {"alpha": own(scorer.alpha), "beta": own(scorer.beta)}
        if hasattr(scorer, "inverse_norm"):
            scores["inverse_norm"] = own(scorer.inverse_norm)
    for name, value in model.head.named_parameters():
        if name.endswith("bias.value"):
            scores["bias"] = own(value)
    with atomic(folder.file("scores.safetensors")) as aside:
        save_file(scores, aside)
    with atomic(folder.file("model.safetensors")) as aside:
        save_file({name: own(value) for name, value in model.state_dict().items()}, aside)


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
    pairs: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in parts]) for name in ("user", "item")
    }
    pairs["part"] = np.concatenate([np.full(len(p), i, dtype=np.int8) for i, p in enumerate(parts)])
    pairs |= {
        name: np.concatenate([getattr(p, name) for p in parts]) for name in ("weight", "count")
    }
    spend = [p.spend for p in parts if p.spend is not None]
    if len(spend) == len(parts):
        pairs["spend"] = np.concatenate(spend)
    with atomic(folder.file("seen.npz")) as aside, open(aside, "wb") as handle:
        np.savez_compressed(handle, **pairs)


def _segments(
    folder: RunFolder,
    split: Split,
    train_pairs: Pairs,
    model: Model,
    embeddings: Embeddings,
    scorer: Segmentation,
) -> None:
    alpha = scorer.alpha.float().cpu()
    hard = segments.hard(alpha)
    folder.write_parquet("segments.parquet", segments_frame(split.users.ids, alpha))
    mass_K = alpha.double().sum(0)
    user_UD: Tensor = getattr(
        scorer, "vectors", embeddings.user_UD
    )  # what the segments were made on
    group_KD = (alpha.double() / mass_K.clamp(min=1e-12)).T @ user_UD.double().cpu()
    prototype = next(
        (v for n, v in model.head.state_dict().items() if n.endswith(("user_KD", "centres_KD"))),
        group_KD,
    )
    effective = mass_K.square() / alpha.double().square().sum(0).clamp(min=1e-12)
    size = np.bincount(np.asarray(hard), minlength=alpha.shape[1])
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


def segments_frame(ids: Strings, alpha: Tensor) -> pl.DataFrame:
    """user, segment (from 1: the largest alpha, the lowest of equals), alpha_1..alpha_K."""
    hard = np.asarray(segments.hard(alpha), dtype=np.int64) + 1
    columns = [
        pl.Series(f"alpha_{k + 1}", alpha[:, k].cpu().numpy(), dtype=pl.Float32)
        for k in range(alpha.shape[1])
    ]
    frame = pl.DataFrame(
        {"user": ids.tolist(), "segment": hard}, schema_overrides={"user": pl.String}
    )
    return frame.with_columns(columns)


def _examples(split: Split, scorer: Segmentation, users: Tensor, mask: Csr) -> pl.DataFrame:
    """A few users' first recommendations with their split over segments."""
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
