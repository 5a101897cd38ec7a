"""A finished run's model from its folder alone, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gnnseg.config import build, packages
from gnnseg.data import repeats, visits
from gnnseg.models.fold_in import FoldIn
from gnnseg.rng import Rng
from gnnseg.runs import persistence
from gnnseg.runs.assembly import assemble
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Embeddings, Scorer, Shape, Split


def configuration(path: Path) -> dict[str, Any]:
    """Return a run's configuration, with every package it names ready to be imported.

    Raises:
        InputError: A package that the run was trained with is no longer to be found.
    """
    record = RunFolder(path).read_json()
    packages.find_again(path.name, record)
    return dict(record["config"])


def scorer_of(path: Path) -> Scorer:
    """Return a finished run's scorer: stored embeddings through the stored head.

    The user's package is looked for where the head is of it; of the encoder nothing is built.
    """
    from safetensors.torch import load_file

    folder = RunFolder(Path(path))
    config = folder.read_json()["config"]
    if not str(config["head"]["_target_"]).startswith("gnnseg."):
        config = configuration(Path(path))
    stored = load_file(folder.file("scores.safetensors"))
    weights = load_file(folder.file("model.safetensors"))
    user, item = stored["user"], stored["item"]
    shape = Shape(len(user), len(item), stored["item_counts"], width=user.shape[1])
    head = build(config["head"], shape, Rng(int(config["seed"])).child("head"))
    head.load_state_dict(
        {name[5:]: value for name, value in weights.items() if name.startswith("head.")}
    )
    head.eval()
    past, apart = None, persistence.visits_in(Path(path))
    if apart is not None:
        weighed = persistence.again_in(Path(path)) is not None
        again = repeats.of_pairs(apart, len(item)) if weighed else None
        past = visits.latest(apart, visits.half_lives(apart), len(user), len(item), again)
    with torch.no_grad():
        scorer: Scorer = head(Embeddings(user, item, user, item, past=past))
    return scorer


def fold_in_of(path: Path, split: Split) -> FoldIn:
    """Return a finished run ready for users it was not trained on; ``split``: its own pairs."""
    from safetensors.torch import load_file

    folder, config = RunFolder(Path(path)), configuration(Path(path))
    given = persistence.restore(path, config, split)
    model = assemble(config, given.shape, Rng(int(config["seed"])))
    model.load_state_dict(load_file(folder.file("model.safetensors")))
    model.eval()
    return FoldIn(model, given.graph, given.features, config["graph"]["weights"])
