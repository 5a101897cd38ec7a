"""A search for settings, ``gnnseg tune``: a study in a file, its trials, what it chose."""
