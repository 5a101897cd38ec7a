"""A finished run's model from its folder alone, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gnnseg.config import build, packages
from gnnseg.config.fitted import name_of
from gnnseg.data import repeats, visits
from gnnseg.models.fold_in import FoldIn
from gnnseg.rng import Rng
from gnnseg.runs import persistence
from gnnseg.runs.assembly import assemble, fitted
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Embeddings, InputError, Scorer, Shape, Split


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
    if not config["head"]:
        return _scorer_of_baseline(Path(path))
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
    met = None
    if head.reads_histories:
        from gnnseg.runs.stored import StoredRun

        met = persistence.restore(Path(path), config, StoredRun(Path(path)).split()).graph.pattern
    with torch.no_grad():
        scorer: Scorer = head(Embeddings(user, item, user, item, past=past, histories=met))
    return scorer


@torch.no_grad()
def _scorer_of_baseline(path: Path) -> Scorer:
    """Return the scores of a baseline by what its folder keeps of it and of the training pairs."""
    from safetensors.torch import load_file

    from gnnseg.runs.stored import StoredRun

    config = configuration(path)
    given = persistence.restore(path, config, StoredRun(path).split())
    model = fitted(config, given.shape, Rng(int(config["seed"])))
    model.restore(load_file(RunFolder(path).file("model.safetensors")))
    return model.score(model.embed(given.graph, given.features))


def fold_in_of(path: Path, split: Split) -> FoldIn:
    """Return a finished run ready for users it was not trained on; ``split``: its own pairs."""
    from safetensors.torch import load_file

    folder, config = RunFolder(Path(path)), configuration(Path(path))
    if (name := name_of(config)) is not None:
        raise InputError(
            f"{path.name}: baseline={name} knows the users alone that it was fitted to; train an "
            "encoder for new ones, such as encoder=lightgcn."
        )
    given = persistence.restore(path, config, split)
    model = assemble(config, given.shape, Rng(int(config["seed"])))
    model.load_state_dict(load_file(folder.file("model.safetensors")))
    model.eval()
    return FoldIn(model, given.graph, given.features, config["graph"]["weights"])
