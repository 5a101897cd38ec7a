"""All attributes in use, as they were fitted: one matrix of users, one of items.

Shape legend: n ids, I items, F columns, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gnnseg.data.attributes import KINDS, Attribute, Number, nothing
from gnnseg.data.derived import TOTALS, Interest, of_items, of_users
from gnnseg.data.values import Bools, Floats32, Values, columns_of
from gnnseg.types import Pairs, Table


@dataclass(frozen=True)
class Encoding:
    """All attributes in use, of users and of items, as they were fitted.

    What applies it to anybody changes nothing of it. ``until``: when training ended (seconds since
    1970), None without times. ``interests``: of each column of items that users' shares are derived
    from; which classes each item has is kept beside the JSON, for it is as long as the catalogue.
    """

    user: tuple[Attribute, ...] = ()
    item: tuple[Attribute, ...] = ()
    until: float | None = None
    interests: Mapping[str, Interest] = field(default_factory=dict, compare=False)

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of the columns of 'user' or 'item'."""
        return tuple(name for each in self._of(kind) for name in each.names)

    def users(
        self,
        count: int,
        pairs: Pairs,
        table: Table | None,
        beside: Mapping[str, Values] | None = None,
        *,
        short: float = np.inf,
    ) -> Floats32:
        """Return the columns of ``count`` new users, (n,F).

        By what they have met so far and what is known of them; ``beside``: vectors by source. Of
        those with fewer events than ``short`` the totals are only so far: below the middle they say
        that somebody is new, not that they do little, and are taken for it.
        """
        derived = of_users(count, pairs, self.until, self.interests)
        brief = np.bincount(pairs.user, pairs.count, minlength=count) < short
        for each in self.user:
            if isinstance(each, Number) and each.source in TOTALS and each.source in derived:
                most = each.middle + each.high * each.scale
                total = derived[each.source]
                derived[each.source] = np.where(brief, np.clip(total, each.middle, most), total)
        return self.apply("user", count, {**derived, **columns_of(table), **(beside or {})})

    def given(self, pairs: Pairs, table: Table | None) -> Bools:
        """Return which of the users' columns histories and a table say anything of, (F,)."""
        lacking = self.lacking(pairs, table)
        return np.array(
            [each.source not in lacking for each in self.user for _ in each.names], dtype=bool
        )

    def lacking(self, pairs: Pairs, table: Table | None) -> list[str]:
        """Return the users' attributes of which neither histories nor a table say anything."""
        said = of_users(0, pairs.of_users(0, 0), self.until, self.interests) if len(pairs) else {}
        return [each.source for each in self.user if each.source not in {*said, *columns_of(table)}]

    def items(
        self,
        count: int,
        pairs: Pairs,
        table: Table | None,
        beside: Mapping[str, Values] | None = None,
    ) -> Floats32:
        """Return the columns of any ``count`` items, (n,F).

        ``beside``: vectors and names ('title') by source.
        """
        derived = of_items(count, pairs, self.until)
        return self.apply("item", count, {**derived, **columns_of(table), **(beside or {})})

    def apply(self, kind: str, count: int, values: Mapping[str, Values]) -> Floats32:
        """Return the columns of values by source, (n,F); one not there is unknown of everybody."""
        parts = [
            each.apply(values[each.source] if each.source in values else nothing(each, count))
            for each in self._of(kind)
        ]
        return (
            np.ascontiguousarray(np.hstack(parts))
            if parts
            else np.zeros((count, 0), dtype=np.float32)
        )

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads, less the members of interests."""

        def plain(each: Any) -> dict[str, Any]:
            return {"kind": each.kind, **asdict(each)}

        interests = {
            name: {"usual": i.usual.tolist(), "worth": i.worth}
            for name, i in self.interests.items()
        }
        user, item = ([plain(each) for each in attributes] for attributes in (self.user, self.item))
        return {"until": self.until, "user": user, "item": item, "interests": interests}

    @staticmethod
    def from_json(stored: Mapping[str, Any], members: Mapping[str, Bools]) -> Encoding:
        """Return a stored encoding; ``members``: which classes each item has, by interest."""

        def made(node: Mapping[str, Any]) -> Attribute:
            settings = {
                k: tuple(v) if isinstance(v, list) else v for k, v in node.items() if k != "kind"
            }
            attribute: Attribute = KINDS[node["kind"]](**settings)
            return attribute

        user, item = (tuple(made(node) for node in stored[kind]) for kind in ("user", "item"))
        interests = {
            name: Interest(members[name], np.array(node["usual"], dtype=float), node["worth"])
            for name, node in stored["interests"].items()
        }
        return Encoding(user, item, stored["until"], interests)

    def _of(self, kind: str) -> tuple[Attribute, ...]:
        return self.user if kind == "user" else self.item
