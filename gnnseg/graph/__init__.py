"""Graphs: who met what, in both directions."""

from gnnseg.graph.bipartite import BipartiteGraph, build

__all__ = ["BipartiteGraph", "build"]
