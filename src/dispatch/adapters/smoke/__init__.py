"""Smoke tests of an installation: its database from within, and the whole of it over HTTP."""
