"""The rules: what may happen, and what has happened. Standard library and msgspec only."""
