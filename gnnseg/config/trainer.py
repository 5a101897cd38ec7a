"""What the trainer can be asked for beside the evaluation: the monitored figure, its batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnnseg.config.extensions import parts
from gnnseg.config.names import refusal
from gnnseg.config.targets import build

OF_SEGMENTS = ("effective_k", "segments_per_user")  # what a validation says of them


def check_trainer(config: Mapping[str, Any]) -> None:
    """Refuse a trainer that cannot choose an epoch, or fill a batch, as it is set."""
    _check_monitor(config)
    _check_batches(config["trainer"])


def _check_monitor(config: Mapping[str, Any]) -> None:
    """Refuse a monitor that no validation measures (under ``paper``: no test)."""
    monitor, evaluation = config["trainer"]["monitor"], config["evaluation"]
    part, _, rest = monitor.partition("/")
    metric, at, among = rest.partition("@")
    k, _, drawn = among.partition("/")
    ks = evaluation.get("ks") or []
    if (
        part
        not in ("valid", "segment", *(["test"] if evaluation.get("protocol") == "paper" else []))
        or not metric
    ):
        raise refusal(
            f"trainer.monitor={monitor}: the best epoch is chosen on validation; name it as in "
            f"valid/ndcg@{max(ks, default=20)}."
        )
    if at and k not in map(str, ks):
        raise refusal(
            f"trainer.monitor={monitor}: lists are evaluated at {', '.join(map(str, ks))}; add to "
            "evaluation.ks, or choose one of them."
        )
    if drawn and drawn not in (evaluation.get("sampled") or []):
        raise refusal(
            f"trainer.monitor={monitor}: nothing is ranked among {drawn}; set "
            f"evaluation.sampled=[{drawn}], or leave /{drawn} out."
        )
    if part == "segment" and rest not in OF_SEGMENTS:
        raise refusal(
            f"trainer.monitor={monitor}: of segments a validation measures "
            f"{' and '.join(OF_SEGMENTS)}; choose one, or valid/ndcg@{max(ks, default=20)}."
        )
    measured = build(evaluation, parts(config, "metrics")).validated
    if at and metric not in measured:
        raise refusal(
            f"trainer.monitor={monitor}: a validation does not measure {metric}; it measures "
            f"{', '.join(measured)}."
        )


def _check_batches(trainer: Mapping[str, Any]) -> None:
    size = trainer["batch_size"]
    if size is None and trainer.get("draw") == "weight":
        raise refusal(
            "trainer.draw=weight: a full batch holds every pair; set trainer.batch_size to a "
            "number, or draw to each."
        )
