"""A replay: something done to many dead letters, with a report of each."""
