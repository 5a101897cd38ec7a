"""``python -m gnnseg``: the command."""

import sys

from gnnseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
