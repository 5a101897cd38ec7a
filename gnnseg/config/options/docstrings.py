"""What a docstring says of an argument."""

from __future__ import annotations

import re

PAPER = r"[A-Z][\w'’-]+(?:,? et al\.| & [A-Z][\w'’-]+)? (?:19|20)\d\d\b"


def meaning(doc: str, key: str) -> str:
    """Return what an Args section or a clause defines ``key`` as; nothing where none does."""
    return argument(doc, key) or defined(doc, key)


def argument(doc: str, key: str) -> str:
    """Return what stands behind ``key:`` in a section Args or Attributes; keys may share a line."""
    section = re.search(r"^(?:Args|Attributes):\n((?:[ \t]+.*\n?|\n)+)", f"{doc}\n", re.M)
    entry = rf"^( +)(?:\w+, )*{re.escape(key)}(?:, \w+)*(?: \(.*?\))?:\s*(.*(?:\n\1 +.*)*)"
    found = re.search(entry, section[1], re.M) if section else None
    return " ".join(found[2].split()).rstrip(".").replace("``", "") if found else ""


def defined(doc: str, key: str) -> str:
    """Return what follows ````key``:``, up to the next such clause or the sentence's end.

    Keys may share a definition.
    """
    following = r"(?=[.;,?] (?:``\w+``, )*``\w+``:|\. [A-Z]|\.?$)"
    clause = rf"(?:^|[\s(])(?:``\w+``, )*``{key}``(?:, ``\w+``)*: (.+?){following}"
    for paragraph in paragraphs(doc):
        if found := re.search(clause, paragraph):
            return _balanced(found[1])
    return ""


def mentioned(doc: str, key: str) -> str:
    """Return the sentence that names ``key``."""
    for paragraph in paragraphs(doc):
        for sentence in re.split(r"(?<=[.;]) (?=[A-Z`])", paragraph):
            if f"``{key}``" in sentence:
                return sentence.rstrip(".;").replace("``", "")
    return ""


def first_sentence(doc: str) -> str:
    """Return the first sentence, whole."""
    return re.split(r"(?<=\.) (?=[A-Z`-])", paragraphs(doc)[0])[0].replace("``", "")


def papers(texts: list[str]) -> list[str]:
    """Return author and year of every paper that is named, each once, in their order."""
    return list(dict.fromkeys(re.findall(PAPER, " ".join(" ".join(texts).split()))))


def paragraphs(doc: str) -> list[str]:
    """Return the paragraphs, each as one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", doc)]


def _balanced(words: str) -> str:
    """Return the words up to a bracket that closes what was opened before them."""
    depth = 0
    for at, letter in enumerate(words):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return words[:at].replace("``", "")
    return words.replace("``", "")
