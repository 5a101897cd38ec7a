"""Evaluation: full ranking by definitions that do not drift, segments' evidence, significance."""
