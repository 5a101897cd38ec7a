"""Tab completion in bash: commands, and behind ``gnnseg train`` the settings there are.

Hydra knows the settings; it is asked with the line as if the subcommand had not been typed.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise

INSTALL = """\
_gnnseg() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "{verbs}" -- "$word"))
        [ ${{#COMPREPLY[@]}} = 1 ] && COMPREPLY[0]+=" "
    elif [ "${{COMP_WORDS[1]}}" = train ]; then
        local found="$(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \\
            "${{COMP_WORDS[0]}}" train -sc query=bash 2> /dev/null)"
        COMPREPLY=($(compgen -W "$found" -- "$word"))
    fi
}}
COMP_WORDBREAKS=${{COMP_WORDBREAKS//=}}
complete -o nospace -o default -F _gnnseg gnnseg"""
UNINSTALL = "complete -r gnnseg; unset -f _gnnseg"
SETTING = r"[+~]*[\w@/.:]+="


def complete(given: list[str]) -> None:
    """Print what bash evaluates (install, uninstall) or offers (query)."""
    from gnnseg.cli.command import verbs
    from gnnseg.types import InputError

    asked = [word for word in given if word not in ("-sc", "--shell-completion")]
    if asked == ["install=bash"]:
        print(INSTALL.format(verbs=" ".join(verbs())))
    elif asked == ["uninstall=bash"]:
        print(UNINSTALL)
    elif asked == ["query=bash"] and "COMP_LINE" in os.environ:
        _query(os.environ["COMP_LINE"], os.environ.get("COMP_POINT", ""))
    else:
        raise InputError(
            'train -sc: for bash alone; install it by eval "$(gnnseg train -sc install=bash)".'
        )


def _query(line: str, point: str) -> None:
    """Print what may stand where the cursor is in ``line``."""
    from gnnseg import config

    line = line[: int(point)] if point.isdigit() else line
    before = line.split()[2:]  # the command, the verb
    word = "" if line[-1:].isspace() or not before else before.pop()
    if word.startswith("-"):
        return
    settings = [each for each in before if re.match(SETTING, each)]
    own = [
        f"hydra.searchpath=[{config.quoted(f'file://{os.path.abspath(folder)}')}]"
        for flag, folder in pairwise(before)
        if flag in ("--config-dir", "-cd")
    ]
    said = ["gnnseg", *own[-1:], *settings]
    os.environ["COMP_LINE"] = " ".join([*said, word])
    config.launch(["-sc", "query=bash"], lambda overrides: None)
