"""``gnnseg options``: every group, choice and setting, from what is there already.

Choices and defaults come from conf/ (and the user's own folders), types from the signature of what
a YAML names, meanings from its comments, else from the docstring, papers from both. The list of
groups imports neither torch nor Hydra.
"""

from gnnseg.config.options.listing import text
from gnnseg.config.options.parts import packages

__all__ = ["packages", "text"]
