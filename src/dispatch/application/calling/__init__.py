"""Calling providers: which one, when, and what a failure of one means for the job and for those that come after it."""
