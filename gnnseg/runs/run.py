"""A finished run as an object: figures, segments, recommendations and why, all by original ids.

Everything comes from the run's folder alone. Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from gnnseg.report import lengths
from gnnseg.report.plotting import Plotting
from gnnseg.runs.lists import Seen
from gnnseg.runs.members import WithMembers
from gnnseg.runs.serving import Serving
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

if TYPE_CHECKING:
    from gnnseg.evaluation.offpolicy import OffPolicyEvaluation
    from gnnseg.types import Scorer, Split


class Run(Serving, WithMembers):
    """A run's folder, read when asked.

    Attributes:
        path: The folder.
        record: run.json.
        metrics: Figures by name; one that is not defined (JSON's null) is NaN.
        plot: Charts: plot.segments(), .map(), .heatmap(column), .flow(earlier).
        stored: Ids, pairs, scores and the model: what the answers are made of.
    """

    plot = Plotting()

    def __init__(self, path: Path | str, scorer: Scorer | None = None) -> None:
        """Read run.json; ``scorer``: given, or made from the folder on first use."""
        self._stored = StoredRun(path, scorer)
        self.path, self.record = self._stored.path, self._stored.record
        self.metrics = self._stored.metrics

    @classmethod
    def load(cls, path: Path | str) -> Run:
        """Return the finished run of a folder.

        Raises:
            InputError: ``path`` is no run folder, or the run has not finished.
        """
        run = cls(path)
        if (state := run.stored.state) != "finished":
            again = "give its command again to go on"
            raise InputError(f"{run.path}: this run is {state}, not finished; {again}.")
        return run

    def __repr__(self) -> str:
        k = lengths.first(self.metrics)
        shown = (f"test/recall@{k}", f"test/ndcg@{k}", "segment/segments_per_user")
        known = ((name, self.metrics[name]) for name in shown if name in self.metrics)
        figures = ", ".join(f"{name} {value:.4f}" for name, value in known)
        if self.stored.is_refit:
            figures = f"refit on all events of {self.record['refit']['run']}"
        return f"Run({self.path.name}: {figures or self.stored.state})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the segments, then figures beside the baselines."""
        from gnnseg.report import notebook

        return notebook.cell(self.path)

    def metric(self, name: str) -> float:
        """Return one figure.

        Args:
            name: Such as ``test/ndcg@20``.

        Raises:
            InputError: The run has no such figure; those nearest to it are named.
        """
        return self.stored.metric(name)

    def history(self) -> pl.DataFrame:
        """Return metrics.jsonl, a row a line; null where a line has no such figure."""
        return self.stored.history()

    def evaluate(
        self,
        part: Literal["valid", "test"] = "test",
        *,
        protocol: str | None = None,
        seen: str | None = None,
        ks: Sequence[int] | None = None,
    ) -> pl.DataFrame:
        """Evaluate the stored scores anew.

        Args:
            part: The pairs that are asked about.
            protocol: clean, paper or train-mask; None: as the run was evaluated. A run trained
                under ``paper`` has seen the validation pairs, so that ``paper`` and the others do
                not change places without training again.
            seen: mask or allow; None: as the run was evaluated.
            ks: Lengths of lists; None: as the run was evaluated.

        Returns:
            metric, value, protocol, seen.

        Raises:
            InputError: It cannot be evaluated so.
        """
        from gnnseg.runs import evaluate

        return evaluate.evaluate(self.stored, part, protocol=protocol, seen=seen, ks=ks)

    def offpolicy(
        self,
        log: Any,
        *,
        seen: Seen | None = None,
        cap: float | None = None,
        switch: float | None = None,
        decimal: Literal["point", "comma"] | None = None,
        **form: Any,
    ) -> OffPolicyEvaluation:
        """Estimate what the served policy would have earned, from another policy's log.

        Args:
            log: A file, or a table, a row an item shown: user, item, propensity (the probability
                that this item was shown at this position), reward[, slate, position].
            seen: mask leaves out what users have taken (less what the log shows them), allow does
                not; None: as the run was evaluated.
            cap: Estimate with importance weights up to this too.
            switch: Tau of Switch-DR, which trusts the reward model beyond.
            decimal: Of columns of text, where only it tells how they are read.
            form: ``columns``: what it calls them, as {"reward": "click"}; ``how`` a file is read.

        Returns:
            Estimates, the log's account, and warnings.

        Raises:
            InputError: The log cannot be used; with the row.
        """
        from gnnseg.runs import evaluate

        return evaluate.from_log(
            self.stored, log, seen=seen, cap=cap, switch=switch, decimal=decimal, **form
        )

    def split(self) -> Split:
        """Return the pairs of each part: weights, numbers of events, spend; times stay behind."""
        return self.stored.split()

    @property
    def alpha(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return memberships (U,K) in index order; rows sum to 1."""
        return self.stored.tensor("alpha").numpy()

    @property
    def beta(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return (K,I) in index order, to be read as ``head.beta`` says."""
        return self.stored.tensor("beta").numpy()

    def segments(self) -> pl.DataFrame:
        """Return who is where: user, segment (from 1), reason[, sure], alpha_1..alpha_K[, habit].

        ``reason``: why a segment is null; ``sure``: share of refits that leave them there.
        """
        return self.stored.frame("segments")

    def groups(self) -> pl.DataFrame:
        """Return summary.parquet with groups.parquet's, evidence's and stability's columns."""
        return self.stored.groups()

    def cards(self) -> pl.DataFrame:
        """Return item profiles: segment, rank, item, name, share, base, lift, support."""
        return self.stored.frame("cards")

    def labels(self) -> pl.DataFrame:
        """Return the known classes of users, and those predicted for everyone.

        Returns:
            user, label (null: not known), told (whether training saw it), predicted, probability.

        Raises:
            InputError: The run learned no labels.
        """
        return self.stored.labels()

    def profiles(self, by: Literal["segment", "attribute"] = "segment") -> pl.DataFrame:
        """Return who is in the segments, by what is known of people.

        Args:
            by: segment (segment, rank, attribute, mean, base, difference, support), or attribute,
                how strongly each goes with segments (the columns of associations.parquet).
        """
        return self.stored.frame("profiles" if by == "segment" else "associations")

    def attributes(self) -> pl.DataFrame:
        """Return encoder=linear's weights: kind, attribute, deviation, weight, segment_1..K."""
        return self.stored.frame("attributes")

    def assign(
        self, histories: Any, users: Any = None, social: Any = None, users_id: str | None = None
    ) -> pl.DataFrame:
        """Return the segments of people who were not in training.

        Nothing is trained again and nobody else's scores move. What the run does not know (items,
        columns, friends) is counted in the log and left out; of whom nothing is known has an
        average user's alpha and no segment. Lists for them: ``recommend(histories, users=, …)``.

        Args:
            histories: What they have met: {'anna': ['50', '181'], …} by item ids, a table of user,
                item[, weight (else the usual one), time, spend, order], or what
                ``gnnseg.interactions`` makes of any other; {'anna': []} or None: nothing.
            users: Their attributes by id, of the columns the run was trained on; ``users_id`` names
                the column of ids, which is found else.
            social: Friends among the run's users: user, user[, weight]; one of the three is enough.

        Returns:
            user, segment, reason, alpha_1..alpha_K[, habit], as in ``segments``.

        Raises:
            InputError: A table cannot be read, or the run has no segments.
        """
        from gnnseg.runs import new_users

        return new_users.assign(self.stored, histories, users, social, users_id)

    def explain(self, user: str, item: str | None = None) -> pl.DataFrame:
        """Return why this item for this user, the largest segments first, or why their segment.

        With an item: rows 'segment k': where ``share``, parts of rec_ij that sum to 1
        (distribution, membership, and hybrid's segment part; 'habit', the user's own past, among
        them), else signed parts of the logit (affinity), which add up to the 'score' together with
        the item's 'bias'. hybrid: 'segments' and 'personal' are the two parts of the logit.

        Without: alpha as training has it, 'now' by the history folded in, without each interaction
        ('history'; ``change``: what it adds), and the fewest changes found that 'move' the user.

        Args:
            user: A user's id.
            item: An item's id; None: why they are in their segment.

        Returns:
            user, item, name, part, segment, value, share; without an item user, part, step,
            action, item, name, segment, alpha, change.

        Raises:
            InputError: An id is not known, the run has no segments, or the user no history.
        """
        from gnnseg.runs.explain import explain

        return explain(self.stored, user, item)
