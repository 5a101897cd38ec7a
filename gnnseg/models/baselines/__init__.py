"""Baselines: recommenders without a training loop, the least that any model must beat."""
