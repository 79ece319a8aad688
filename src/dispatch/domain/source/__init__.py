"""A source: a place from which rows come by themselves."""
