"""What RFM and k-means say beside a run's segments, in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping


def line(metrics: Mapping[str, float | None], *, spend: bool) -> str:
    """Return agreement, and what of the future either explains; nothing where not measured.

    Args:
        metrics: The run's.
        spend: Whether the variance explained is of money; else of events, without any.
    """
    agreed = metrics.get("segment/rfm_ari")
    if agreed is None or not math.isfinite(agreed):
        return ""
    said = f"RFM + k-means, as many segments: ARI {agreed:.2f} with these"
    shares = [_share(metrics, name) for name in ("spend_r2", "rfm_spend_r2")]
    if not all(shares):
        return said
    low, high = (metrics.get(f"segment/spend_r2_gain_{end}") or 0.0 for end in ("low", "high"))
    better = "these" if low > 0 else "RFM's" if high < 0 else "neither, beyond chance"
    of = "spend" if spend else "events"
    return (
        f"{said}; of the variance of held-out {of} these explain {shares[0]}, RFM's {shares[1]}; "
        f"better: {better}"
    )


def _share(metrics: Mapping[str, float | None], name: str) -> str:
    value, low, high = (metrics.get(f"segment/{name}{end}") for end in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return ""
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"
