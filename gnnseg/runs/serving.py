"""What a run hands out: lists of items for people, people for items, and files of either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gnnseg.runs import export
from gnnseg.runs.lists import LISTS, Seen
from gnnseg.runs.stored import Answering

if TYPE_CHECKING:
    from gnnseg.report.customer import Customer


class Serving:
    """The part of a run that is handed to others.

    Attributes:
        stored: Ids, pairs, scores and the model: what the answers are made of.
    """

    stored = Answering()

    def recommend(
        self,
        who: Any,
        k: int = 20,
        seen: Seen | None = None,
        *,
        only: Iterable[object] | None = None,
        exclude: Iterable[object] | None = None,
        users: Any = None,
        social: Any = None,
    ) -> pl.DataFrame:
        """Return the k best items of each user, by score and then by item number.

        Args:
            who: An id, several, or the histories of people who were not in training, as ``assign``
                takes them.
            k: Length of a list; a user with fewer items left gets a shorter one.
            seen: mask leaves out every item the user met in any part, allow does not; None: as the
                run was evaluated (``evaluation.seen``).
            only: Item ids, of which alone some are shown (what is in stock).
            exclude: Item ids that are not shown.
            users: Attributes of people who were not in training.
            social: Their friends among the run's users.

        Returns:
            kind 'user', id, rank from 1, item, name, score.

        Raises:
            InputError: An id is not known, or a table cannot be read.
        """
        lists = self.stream(who, k, seen, only=only, exclude=exclude, users=users, social=social)
        return pl.concat([pl.DataFrame(schema=LISTS), *lists])

    def stream(
        self,
        who: Any = None,
        k: int = 20,
        seen: Seen | None = None,
        *,
        only: Iterable[object] | None = None,
        exclude: Iterable[object] | None = None,
        users: Any = None,
        social: Any = None,
    ) -> Iterator[pl.DataFrame]:
        """Yield what ``recommend`` returns in pieces of bounded memory, with its arguments.

        Args:
            who: As for ``recommend``; None: every user of the run.
        """
        from gnnseg.runs import recommend

        return recommend.stream(
            self.stored, who, k, seen, only=only, exclude=exclude, users=users, social=social
        )

    def recommend_segment(self, segment: int, k: int = 20) -> pl.DataFrame:
        """Return what a segment wants beyond what everyone wants.

        By beta_kj log(beta_kj / m_j), m_j = sum_k mean_i(alpha_ik) beta_kj: what the segment wants
        much *and* more than others do (``evaluation.segments.beyond``). Ties by item number.

        Args:
            segment: Its number, from 1.
            k: Length of the list.

        Returns:
            kind 'segment', id, rank, item, name, score.

        Raises:
            InputError: There is no such segment.
        """
        from gnnseg.runs import recommend

        return recommend.to_segment(self.stored, segment, k)

    def user(self, user: object) -> Customer:
        """Return who a customer is, as an object that shows itself.

        Segment with name and sureness, why, what they took most, what is recommended, and the
        chance that they come again.

        Args:
            user: Their id.

        Returns:
            With user, name, segment, segment_name, sure, memberships, chance, days, known, took,
            recommended, why.

        Raises:
            InputError: The id is not known; near ids are named.
        """
        from gnnseg.runs import customer

        return customer.of(self.stored, user)

    def audience(
        self,
        *,
        item: object = None,
        where: str | Sequence[str] | None = None,
        segment: object = None,
        size: int | None = None,
        top: float | str | None = None,
        not_bought: bool = False,
        exclude: Iterable[object] | None = None,
        exclude_by: str | None = None,
        control: float = 0.1,
        days: float = 30.0,
        seed: int = 0,
        users: Any = None,
        users_id: str | None = None,
    ) -> pl.DataFrame:
        """Return people by the chance that they will take any of some items, highest first.

        Expected: the number of visits of so many days in which they take any of them, by how often
        they come of late and what part of what they take is of these (``evaluation.audiences``).
        Chance: 1 - exp(-expected); the sum of chances is how many buyers are expected.

        Args:
            item: An item's id, or several; with ``where`` of items: those too.
            where: Conditions in SQL, of columns of items or of people: "category = 'WINE'".
            segment: Of its people alone: its number, id or name; alone: the chance of any item.
            size: How many people; ``top``: what share of them, '10%' or .1; None: all.
            not_bought: Whether those who have taken any of the items are left out.
            exclude: Ids of people who are left out.
            exclude_by: A column of people that ``exclude`` lists instead, such as their e-mail.
            control: With what probability each is drawn for the control group, a column of true
                and false; of one seed, the same people in every list.
            days: What the chance is of; without times it is of as long as the data took.
            seed: Of the draw of the control group.
            users: A table of people by id: more columns for ``where``, carried through.
            users_id: Its column of ids; None: found.

        Returns:
            user[, name, …], rank, chance, expected[, segment, segment_name, sure], control, bought
            (of these items, in any part).

        Raises:
            InputError: An item, a column or a segment is not there, or nobody is left.
        """
        from gnnseg.runs import audience

        return audience.audience(
            self.stored, item=item, where=where, segment=segment, size=size, top=top,
            not_bought=not_bought, exclude=exclude, exclude_by=exclude_by, control=control,
            days=days, seed=seed, users=users, users_id=users_id,
        ).table  # fmt: skip

    def write(
        self,
        frames: pl.DataFrame | Iterator[pl.DataFrame],
        out: Path | str,
        *,
        excel: bool = False,
        table: str = "gnnseg",
    ) -> Path | str:
        """Write a frame, or a stream of them; what stands there is whole.

        Args:
            frames: What to write.
            out: A name that ends in .parquet, .csv, .jsonl or .xlsx; or a database, as
                sqlite:///crm.db, postgresql://user@host/db.
            excel: Whether Excel shall open the CSV as UTF-8.
            table: Of a database: the table that is replaced.

        Returns:
            The file's path; of a database what was written, in words.

        Raises:
            InputError: It cannot be written.
        """
        chunks = iter([frames]) if isinstance(frames, pl.DataFrame) else frames
        return export.write(chunks, out, excel=excel, table=table)
