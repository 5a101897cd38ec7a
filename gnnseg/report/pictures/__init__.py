"""The charts of pages and notebooks, a module a subject; each returns a ``plots.Picture``."""
