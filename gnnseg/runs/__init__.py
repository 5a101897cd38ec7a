"""A run: from a configuration to a folder that answers alone, and what is asked of it afterwards."""
