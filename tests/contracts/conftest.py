import pytest


def pytest_collection_modifyitems(items):
    """Mark the law that trains a small model as slow, whichever component obeys it."""
    for item in items:
        if item.name.startswith("test_recovers_planted_segments"):
            item.add_marker(pytest.mark.slow)
