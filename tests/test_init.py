"""The public names of the package's insides."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_public_name_is_the_module_itself_and_no_second_copy() -> None:
    """Whatever is imported first: a class of one's own derives from the class that is checked."""
    for first in ("gnnseg.encoders", "gnnseg.encoders.base", "gnnseg.models.encoders.base"):
        code = f"import {first}\nfrom gnnseg.encoders.base import Encoder as public\n"
        code += "from gnnseg.models.encoders.base import Encoder as inside\nassert public is inside"
        subprocess.run([sys.executable, "-c", code], check=True)
