"""Encoders, heads, objectives and baselines, and the model they make together."""
