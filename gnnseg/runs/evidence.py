"""Evidence about a run's segments: what is found, its tables, and its figures.

Shape legend: U users, K segments, C columns of an attribute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from gnnseg.data.attributes import Attribute, Classes, Number, Vector
from gnnseg.data.encoding import Encoding
from gnnseg.data.values import Bools, Floats32
from gnnseg.evaluation import losing as losses
from gnnseg.evaluation import segments
from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.evaluation.segments import rfm
from gnnseg.evaluation.segments.association import DERIVED, READ, SIGNIFICANT, Described
from gnnseg.models.heads.posthoc import HardScorer
from gnnseg.rng import Rng
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job
from gnnseg.types import Ints, Pairs, Scorer, Segmentation, Split

POPULARITY = "gnnseg.models.baselines.popularity.Popularity"


def losing(job: Job, scorer: Scorer, result: Evaluation) -> list[dict[str, Any]]:
    """Return the baselines that a run is not better than on what it was chosen by.

    Of a run of head=posthoc, the row 'posthoc (own embeddings)' is the run itself; so is of a run
    of a baseline the row of the same baseline.
    """
    itself = ["posthoc (own embeddings)"] if isinstance(scorer, HardScorer) else []
    plan = job.plan
    config = plan.config
    if config["baseline"] and not config["head"]:
        beside = {"popularity": {"_target_": POPULARITY}, **(config["baselines"] or {})}
        itself += [name for name, node in beside.items() if node == config["baseline"]]
    monitor = plan.settings.monitor
    smaller = plan.protocol.lower_is_better(monitor)
    return losses.losing(result, monitor, smaller, plan.rng.child("losing"), itself)


def write(
    folder: RunFolder,
    given: Inputs,
    split: Split,
    train_pairs: Pairs,
    scorer: Scorer,
    per_user: Mapping[str, np.ndarray[Any, Any]],
    rng: Rng,
    placed: Bools,
) -> dict[str, float]:
    """Write evidence.parquet and associations.parquet; return the figures beside them.

    A figure that is not defined, such as the conductance of a single segment, is left out.

    Args:
        folder: the run's.
        given: what the model was given, and what describes the users.
        split: the data.
        train_pairs: what was trained on.
        scorer: the trained scores; of a head without segments nothing is written.
        per_user: the test's values by user.
        rng: of intervals and permutations.
        placed: (U,) who is in a segment.
    """
    if not isinstance(scorer, Segmentation):
        return {}
    alpha = scorer.alpha
    user_U, k = segments.hard(alpha), alpha.shape[1]
    frame = by_segment(user_U, alpha, train_pairs, len(split.items), k)
    frame = segments.quality(user_U, per_user, k, rng.child("quality")).hstack(frame)
    folder.write_parquet("evidence.parquet", frame)
    found = {
        f"segment/{name}": float(there.mean())
        for name in ("conductance", "cohesion", "separation")
        if len(there := frame[name].drop_nulls().to_numpy())
    }
    described = list(attributes(given, train_pairs))
    if described:
        tested = segments.associations(user_U, k, described, rng.child("associations"))
        folder.write_parquet("associations.parquet", tested)
        outside = tested.filter(~pl.col("given") & pl.col("p").is_not_null())
        found["segment/attributes_tested"] = float(len(outside))
        found["segment/attributes_associated"] = float((outside["p_holm"] < SIGNIFICANT).sum())
    found |= rfm.beside(alpha.double().cpu().numpy(), train_pairs, split.test, rng.child("rfm"))
    if split.truth is not None:
        found |= segments.recovery(
            scorer, split.truth, train_pairs, alpha, rng.child("truth"), placed
        )
    return {name: value for name, value in found.items() if not np.isnan(value)}


def by_segment(user_U: Ints, alpha: Tensor, train_pairs: Pairs, items: int, k: int) -> pl.DataFrame:
    """Return modularity, conductance, cohesion and separation of each segment, null: undefined."""
    item_I = segments.item_segments(alpha, train_pairs, items)
    graph = segments.cuts(user_U, item_I, train_pairs, k)
    alike = segments.likeness(user_U, train_pairs, items, k)
    columns = {
        "modularity": graph.modularity,
        "conductance": graph.conductance,
        "cohesion": alike.within,
        "separation": alike.across,
    }
    return pl.DataFrame(columns).fill_nan(None)


def attributes(given: Inputs, train_pairs: Pairs) -> Iterator[Described]:
    """Yield the attributes by which people are described, and why the model knows them.

    What is derived from the training interactions is known to every model, what the encoder reads
    to that one; of the rest, segments could not be made. Only users met in training are described.
    """
    if given.described is None or given.described.user is None:
        return
    matrix, encoding = given.described.user, given.described.encoding
    met_U = np.zeros(len(matrix), dtype=bool)
    met_U[train_pairs.user] = True
    read = {each.source for each in given.encoding.user}
    at = 0
    for each in encoding.user:
        columns = matrix[:, at : at + len(each.names)]
        at += len(each.names)
        why = DERIVED if _is_derived(each, encoding) else READ if each.source in read else None
        yield _described(each, columns, met_U, why)


def _described(each: Attribute, columns: Floats32, met_U: Bools, why: str | None) -> Described:
    """Return an attribute without the column of those of whom it is not known."""
    known_U = met_U
    if isinstance(each, Number | Classes | Vector):
        if each.flagged:
            known_U, columns = met_U & (columns[:, -1] == 0), columns[:, :-1]
    else:  # no text is zero
        known_U = met_U & columns.any(1)
    return Described(each.source, isinstance(each, Classes), columns, known_U, why)


def _is_derived(each: Attribute, encoding: Encoding) -> bool:
    """Return whether an attribute was made of the training interactions."""
    if isinstance(each, Number):
        return each.derived
    return each.source in {f"shares of {name}" for name in encoding.interests}
