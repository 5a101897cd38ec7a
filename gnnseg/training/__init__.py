"""Training: the loop and what resuming needs."""
