"""The sections of a run's page, from its folder; empty where there is nothing to show."""
