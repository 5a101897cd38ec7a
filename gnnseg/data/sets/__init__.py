"""The named sets: where their files come from, and a reader for each."""
