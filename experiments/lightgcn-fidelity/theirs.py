"""What the authors' PyTorch code of LightGCN has learned on Gowalla, judged here: their weights
beside ours, and their judging.

usage: python experiments/lightgcn-fidelity/theirs.py WEIGHTS EPOCHS      (data: GNNSEG_DATA)
WEIGHTS: what their code saves after each epoch, checkpoints/lgn-gowalla-3-64.pth.tar, of their
README's command (normal start of .1;
    python main.py --decay=1e-4 --lr=0.001 --layer=3 --seed=2020 --dataset=gowalla --topks="[20]"
        --recdim=64
on data/gowalla/train.txt, the train and valid pairs of this set), stopped after EPOCHS. Their code
ranks the sigmoid of the scores, in which scores above 17 are one number to float32 and those above
10 few: 'as they judge' does as well. Writes theirs.json, theirs.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gnnseg import config
from gnnseg.config import build
from gnnseg.evaluation import evaluator
from gnnseg.models.encoders import LightGCN
from gnnseg.models.heads.dot import DotScorer
from gnnseg.rng import Rng
from gnnseg.runs import inputs
from gnnseg.runs import train as pipeline
from gnnseg.types import Embeddings, Features

HERE = Path(__file__).resolve().parent
STORED = HERE / "theirs.json"
LAYERS, WIDTH = 3, 64


class Saturated(DotScorer):
    """The sigmoid of a score, as float32 has it."""

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return torch.sigmoid(product)


def main(arguments: list[str]) -> None:
    weights, epochs = (
        torch.load(arguments[0], map_location="cpu", weights_only=True),
        int(arguments[1]),
    )
    settings = config.compose(["data=gowalla", "evaluation.protocol=paper", "head=dot"])
    split = pipeline.read(settings, lambda line: print(line, file=sys.stderr))
    protocol = build(settings["evaluation"])
    fitted = protocol.training_pairs(split)
    given = inputs.of(settings, split, fitted, lambda line: None)
    encoder = LightGCN(
        given.shape,
        Rng(0),
        dim=WIDTH,
        layers=LAYERS,
        layer_weights=None,
        init="normal",
        scale=0.1,
        alpha=0.5,
        beta=0.5,
        gamma=None,
        unit=False,
        dropout=0.0,
        attributes=None,
        social=0.0,
    )
    assert encoder.tables is not None
    encoder.tables.load_state_dict(
        {kind: weights[f"embedding_{kind}.weight"] for kind in ("user", "item")}
    )
    with torch.no_grad():
        embeddings: Embeddings = encoder(given.graph, Features())
    task = protocol.test_task(split)
    found: dict[str, Any] = {"epochs": epochs}
    for name, scorer in (("scores", DotScorer), ("as they judge", Saturated)):
        metrics = evaluator.rank(
            scorer(embeddings, 1.0, None), task, protocol, fitted, torch.device("cpu")
        ).metrics
        found[name] = {metric: metrics[f"{metric}@20"] for metric in ("recall", "ndcg")}
    stored = {str(epochs): found}
    if STORED.exists():
        stored = json.loads(STORED.read_text("utf-8")) | stored
    STORED.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    lines = [
        (
            "recall@20 / ndcg@20 of the weights of the authors' code. "
            "`python experiments/lightgcn-fidelity/theirs.py WEIGHTS EPOCHS`"
        ),
        "",
        "| epoch | their weights, judged as ours | as they judge: sigmoid in float32 |",
        "|---:|---:|---:|",
    ]
    for epoch, row in sorted(stored.items(), key=lambda item: int(item[0])):
        cells = [
            f"{row[name]['recall']:.4f} / {row[name]['ndcg']:.4f}"
            for name in ("scores", "as they judge")
        ]
        lines.append(f"| {epoch} | {' | '.join(cells)} |")
    (HERE / "theirs.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
