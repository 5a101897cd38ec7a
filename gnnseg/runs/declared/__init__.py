"""The runs of a declared table: planned, done, written down."""
