"""The ``gnnseg`` command."""

from gnnseg.cli.main import main

__all__ = ["main"]
