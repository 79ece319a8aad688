"""Fuzzing of the intake: valid files, mutated, and what receiving and judging makes of them."""
