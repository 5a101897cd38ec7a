"""Who a customer is, for a terminal and for a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from gnnseg.report import amounts, membership, notebook, scores
from gnnseg.report.columns import printable
from gnnseg.report.html import escape


@dataclass(frozen=True, kw_only=True, repr=False)
class Customer:
    """A user of a run: which segment, how surely, why, what they took, what to recommend.

    Attributes:
        user: Their id.
        name: What they are called; None: not known.
        segment: Its number, from 1; None: in none.
        segment_name: What it is called.
        sure: Share of the refits that leave them there; None: not known.
        memberships: alpha by segment, those with the most first.
        chance: That they come within so many ``days``; None days: in as long as the data took.
        known: What customers.parquet says of them: events, visits, spend, first, last, …
        took: item, name, events, weight; what they took most first.
        recommended: rank, item, name, score[, probability].
        why: As ``Run.explain(user)`` gives it; None: they have no history, or no segment.
    """

    user: str
    name: str | None
    segment: int | None
    segment_name: str | None
    sure: float | None
    memberships: Mapping[int, float]
    chance: float
    days: float | None
    known: Mapping[str, Any]
    took: pl.DataFrame
    recommended: pl.DataFrame
    why: pl.DataFrame | None
    placed: str = field(default="")
    currency: str | None = None

    def __repr__(self) -> str:
        lines = list(self._lines())
        for title, said in (("took most", self._took()), ("recommended", self._recommended())):
            lines += [f"{title}: {', '.join(said)}"] if said else []
        lines += [] if self.why is None else [membership.text(self.why)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        parts = [f"<p>{escape(line)}</p>" for line in self._lines()]
        for title, said in (("took most", self._took()), ("recommended", self._recommended())):
            parts += [notebook.table([title], [[each] for each in said], [True])] if said else []
        if self.why is not None:
            parts.append(f"<details><summary>why</summary><pre>{escape(membership.text(self.why))}")
            parts.append("</pre></details>")
        return f"<div class=gnnseg>{notebook.STYLE}{''.join(parts)}</div>"

    def _lines(self) -> Iterator[str]:
        yield self.placed
        if self.name is not None and self.name != self.user:
            yield f"name: {printable(self.name)}"
        if facts := self._facts():
            yield ", ".join(facts)
        when = "in as long as the data took" if self.days is None else f"within {self.days:g} days"
        chance = ">99%" if self.chance > 0.99 else f"{self.chance:.0%}"
        yield f"comes again {when}: {chance}"

    def _facts(self) -> list[str]:
        known, said = self.known, []
        for key in ("events", "visits"):
            if known.get(key) is not None:
                count = amounts.short(known[key]) if known[key] % 1 else f"{known[key]:,.0f}"
                said.append(f"{count} {key[:-1] if known[key] == 1 else key}")
        if known.get("spend") is not None:
            said.append(f"spend {amounts.money(known['spend'], self.currency)}")
        if known.get("last") is not None and math.isfinite(known["last"]):
            said.append(f"last seen {datetime.fromtimestamp(known['last'], UTC):%Y-%m-%d}")
        return said

    def _took(self) -> list[str]:
        rows = self.took.select("name", "events").rows()
        return [printable(name) + (f" ({n:,})" if n > 1 else "") for name, n in rows]

    def _recommended(self) -> list[str]:
        names = [printable(name) for name in self.recommended["name"]]
        if "probability" not in self.recommended.columns:
            return names
        shares = scores.percentages(self.recommended["probability"].to_list())
        return [f"{name} ({share}%)" for name, share in zip(names, shares, strict=True)]
