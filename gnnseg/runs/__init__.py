"""Runs: the route from a table to a run folder, and what such a folder answers."""
