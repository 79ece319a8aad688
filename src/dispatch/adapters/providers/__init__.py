"""Providers over HTTP, and the simulator that stands in for them."""
