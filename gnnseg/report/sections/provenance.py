"""How the data were read, and all that is needed to repeat the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gnnseg.report.html import definitions, escape, fold


def data(record: Mapping[str, Any]) -> str:
    """Say how the data were read, cleaned and split."""
    notes = record["data"].get("notes", {})
    rows = [(key, _flat(value)) for key, value in notes.items() if value not in ({}, [], None)]
    pairs = record["data"].get("pairs", {})
    rows += [
        (f"{part} pairs", f"{record['data'][part]:,} (fingerprint {pairs.get(part, '?')})")
        for part in pairs
    ]
    return fold("How the data were read and split", definitions(rows))


def provenance(record: Mapping[str, Any]) -> str:
    """Say all that is needed to repeat the run."""
    device, seconds = record.get("device", {}), record.get("seconds", {})
    best = record.get("best") or {}
    rows: list[tuple[str, Any]] = [
        ("best epoch", _best(best) if best else None),
        ("refit of", record["refit"]["run"] if "refit" in record else None),
        ("segments since", record["since"]["run"] if "since" in record else None),
        ("device", f"{device.get('name')} ({device.get('why')}), {device.get('threads')} threads"),
        ("seconds", ", ".join(f"{phase} {value:.1f}" for phase, value in seconds.items())),
        ("memory", f"{record['memory_mb']:.0f} MB at most" if record.get("memory_mb") else None),
        ("parameters", f"{record['parameters']:,}" if record.get("parameters") else None),
        ("content fingerprint", record["data"]["fingerprint"]),
        ("run hash", record["hash"]),
        ("git", record.get("git")),
        ("source digest", record.get("source")),
        (
            "versions",
            ", ".join(
                f"{package} {version}" for package, version in record.get("versions", {}).items()
            ),
        ),
    ]
    config = escape(json.dumps(record["config"], indent=1, ensure_ascii=False))
    return fold("Provenance", definitions(rows)) + fold(
        "Configuration", f'<pre tabindex="0">{config}</pre>'
    )


def _best(best: Mapping[str, Any]) -> str:
    """Return the best epoch with its value; of a refit, which has none, the epoch alone."""
    value = best["value"]
    return f"{best['epoch']}" + ("" if value is None else f" ({best['metric']} {value:.4f})")


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value[:10])) + (" …" if len(value) > 10 else "")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
