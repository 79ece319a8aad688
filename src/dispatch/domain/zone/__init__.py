"""GREEN, YELLOW or RED: how the whole system does, by what it measures of itself."""
