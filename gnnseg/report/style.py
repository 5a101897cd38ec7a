"""How the page looks and what moves on it: a style sheet, and one small script.

Both stand in files of their own beside this module; no fonts are fetched.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

_HERE = Path(__file__).parent
COLOURS = (_HERE / "colours.css").read_text("utf-8")  # light, dark and printed
CSS = COLOURS + (_HERE / "page.css").read_text("utf-8")
SCRIPT = (_HERE / "page.js").read_text("utf-8")
CHART_COLOURS = {  # those that charts are drawn in, light, by their variables
    name: value
    for name, value in re.findall(r"--([a-z0-9-]+):(#[0-9a-f]{6})", COLOURS.split("@media")[0])
    if name not in ("bg", "warn", "warn-bg", "link")
}


def hue(segment: int) -> float:
    """Return a segment's colour in degrees; the golden angle keeps neighbours apart."""
    return (segment * 137.508 + 60) % 360


def digest(script: str) -> str:
    """Return what a content security policy calls a script that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
