"""The table of an experiment: declared in table.yaml, filled from results.jsonl, written."""
