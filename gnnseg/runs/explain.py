"""Why a user is shown an item, by segment, or is in their own."""

from __future__ import annotations

import polars as pl
import torch

from gnnseg.runs import counterfactual
from gnnseg.runs.stored import StoredRun, without_segments
from gnnseg.types import Segmentation

EXPLAINED = {
    "user": pl.String, "item": pl.String, "name": pl.String, "part": pl.String, "segment": pl.Int64,
    "value": pl.Float64, "share": pl.Boolean,
}  # fmt: skip


@torch.no_grad()
def explain(run: StoredRun, user: str, item: str | None = None) -> pl.DataFrame:
    """Return the parts of a score, the largest segments first; see ``Run.explain``.

    Without an item, why the user is in their segment.
    """
    if item is None:
        return counterfactual.explain(run, user)
    at_user, at_item = run.find("user", user), run.find("item", item)
    rows, scorer = (torch.tensor([at_user]), torch.tensor([at_item])), run.scorer
    if not isinstance(scorer, Segmentation):
        raise without_segments(run, "segments to explain by")
    why = scorer.explain(*rows)
    values = why.segments[0].double()
    order = values.abs().argsort(descending=True, stable=True).tolist()
    found: list[tuple[str, int | None, float, bool]] = [
        (f"segment {k + 1}", k + 1, float(values[k]), why.shares) for k in order
    ]
    if why.habit is not None:
        habit = float(why.habit[0])
        place = sum(value > habit for _, _, value, _ in found)
        found.insert(place, ("habit", None, habit, why.shares))
    apart = {"bias" if why.personal is None else "segments": why.bias, "personal": why.personal}
    apart["score"] = scorer.pairs(*rows)
    found += [
        (part, None, float(value[0]), False) for part, value in apart.items() if value is not None
    ]
    who = (run.users.ids[at_user], run.items.ids[at_item], run.items.name(at_item))
    return pl.DataFrame([(*who, *part) for part in found], schema=EXPLAINED, orient="row")
