"""What parts require of each other and of the data, and what they provide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gnnseg.config.names import BESIDE, refusal
from gnnseg.config.stable import short
from gnnseg.config.targets import locate

# what the set must have, which is seen once it is read
OF_DATA = {"social", "labels", "features", "log", "propensity"}
WORDS = {
    "probabilities": "a head whose scores are probabilities (head=segments head.beta=distribution)",
    "segments": "a head with segments",
    "view": "an encoder of layers, which noise moves (encoder=lightgcn, sage, …)",
    "layers": "an encoder of layers (encoder=lightgcn, sage, …)",
    "intents": "an encoder of several intents (encoder=dgcf)",
    "logits": "a head whose scores are logits of any sign (head=dot, neumf, mlp, …)",
    "embeddings": "a head without parameters of its own (head=dot head.bias=false)",
    "cosine": "a head that is the cosine alone (head=dot or posthoc with head.bias=false)",
    "prototypes": "a head of prototypes for users (head=protomf)",
    "tables": "an encoder of free vectors, in place of whose neighbours it stands (encoder=mf)",
    "untied": "prototypes of their own for the items (head.tied=false)",
}
CHOSEN = {  # the file in conf/ of a class that is called otherwise
    "policygradient": "policy", "sampledsoftmax": "sampled_softmax", "twotower": "two_tower",
    "rawattributes": "raw", "socialspectral": "social",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of the configuration: where it stands, the class it names, and what it sets."""

    where: str
    target: Any
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return what messages call the part: what it is chosen by, of ours."""
        word = short(f"{self.target.__module__}.{self.target.__name__}")
        ours = self.target.__module__.startswith("gnnseg.")
        return CHOSEN.get(word, word) if ours else word

    def says(self, what: str) -> frozenset[str]:
        """Return what the class answers of its settings under ``provides`` or ``requires``."""
        answer = getattr(self.target, what, None)
        words = answer(**self.settings) if answer else frozenset()
        known = {*OF_DATA, "relations", *WORDS}
        if isinstance(words, str) or not known.issuperset(words):
            raise refusal(
                f"{self.where}: {self.target.__name__}.{what} returns {words!r}; return a set of "
                f"{', '.join(sorted(known))}."
            )
        return frozenset(words)


def part_of(config: Mapping[str, Any], where: str, node: Mapping[str, Any]) -> Part:
    """Return the part that a node describes, less what is taken off before it is built."""
    target = locate(node["_target_"], where, config["allow"])
    aside = ("_target_", *BESIDE.get(where.partition(".")[0], ()))
    return Part(where, target, {key: value for key, value in node.items() if key not in aside})


def parts_that_ask(config: Mapping[str, Any]) -> list[Part]:
    """Return the parts that may require something: encoder, objective, terms with a weight.

    None of a run of a baseline.
    """
    nodes = {group: config[group] for group in ("encoder", "objective") if config[group]}
    for name, term in (config["regularisers"] or {}).items():
        if term["weight"] != 0:
            nodes[f"regularisers.{name}"] = term
    return [part_of(config, where, node) for where, node in nodes.items()]
