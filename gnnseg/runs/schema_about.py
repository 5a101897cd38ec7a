"""What each file of a run's folder holds, in words."""

from __future__ import annotations

ABOUT: dict[str, str] = {
    "ids.parquet": "original ids and names; index is the row in every tensor",
    "segments.parquet": (
        "who is where: segment = argmax alpha, from 1, null where there is a reason against it "
        "(nothing is known of them); sure: share of refits that leave them there; alpha sums to 1; "
        "habit: h, of a head with habits"
    ),
    "summary.parquet": (
        "the table of segments that every place shows: name (made: nobody gave it), people by "
        "first segment, alpha_share: share of all alpha; of these people over all events: revenue, "
        "spend and visits a head, median days from the last event to the end of the data, trend of "
        "the last quarter of the time against the one before; telling: what they take more than "
        "others do; verdict and mean sure, with evidence; change: people now less those of the "
        "same id in the earlier run; null: not known"
    ),
    "customers.parquet": (
        "what each user did in all parts, in index order: events, visits, spend, first and last "
        "time (seconds since 1970 UTC); recent, former: spend, or events where there is none, in "
        "the last quarter of the time and the one before; pace: visits a day of late"
    ),
    "items.parquet": (
        "the items in index order, with the columns of their table that are texts or numbers, as "
        "they were read"
    ),
    "stability.parquet": (
        "with evidence: how far each segment's members come back in refits (mean and least "
        "Jaccard), and the verdict"
    ),
    "groups.parquet": (
        "the segments: users, effective size, share of all alpha, centroid, prototype; the id that "
        "stays with it from run to run, the run it was born in, what people call it"
    ),
    "moves.parquet": (
        "only with segments.since: the earlier run's people by segment then and now; kept: the "
        "same segment; expected: the mean over refits of the earlier events; beyond: more than "
        "limit, which such refits and chance would reach"
    ),
    "moved.parquet": (
        "only with segments.since: who is in another segment; stays: share of the refits of the "
        "earlier events that leave them where they were; beyond: all of them"
    ),
    "cards.parquet": (
        "what is telling of a segment: share in it, share overall, lift, training pairs"
    ),
    "profiles.parquet": (
        "what is telling of a segment's people: mean in it, among all, difference in standard "
        "deviations"
    ),
    "evidence.parquet": (
        "by segment: test users, their precision, recall, F1 and ndcg with 95 % intervals, its "
        "part of the modularity, conductance, cohesion, separation"
    ),
    "associations.parquet": (
        "by attribute of people: how strongly it goes with segments (Cramér's V, eta²), by chance, "
        "p, corrected (Holm); given: the model knew it, so that it is no evidence"
    ),
    "attributes.parquet": (
        "encoder=linear: each attribute's weight, and how far a unit pulls towards each segment"
    ),
    "recommendations.parquet": (
        "lists of some users, and of each segment beyond what everyone wants; rank from 1; score: "
        "a logit, for users of a head with beta=distribution log P(item given user)"
    ),
    "examples.parquet": (
        "a few users' lists with their split over segments (shares, or signed parts of the logit)"
    ),
    "per_user.parquet": "the test's metrics user by user; cold: without training data",
    "labels.parquet": (
        "only of a run that learns labels: each user's class as known (null: nobody knows it), "
        "whether training was told it, as predicted, and the chance of that"
    ),
    "seen.npz": (
        "the pairs of train (part 0), valid (1) and test (2) by index: weights, events, spend, "
        "visits where there is any"
    ),
    "habits.npz": (
        "only of a head with habits: the items of visits, their times, whether they are "
        "training's; of each item of the run how often it is taken again"
    ),
    "scores.safetensors": "final embeddings, and what the head makes of them",
    "model.safetensors": "the weights of the best epoch",
    "metrics.jsonl": "a line each time something was measured; null where a figure is not defined",
    "run.json": (
        "configuration, fingerprints, versions, device, seconds, metrics, baselines, alarms, "
        "losing: baselines that the run is not better than on what it was chosen by"
    ),
    "report.html": "the page: one file, no network",
    "profile.parquet": (
        "only with profile=true: milliseconds a step of its phases (batch, forward, backward, "
        "optimizer), of the parts inside forward, and, by themselves, of the longest operators"
    ),
    "trace.json": "only with profile=true: the steps, for chrome://tracing or ui.perfetto.dev",
}
