"""dispatch: an autonomous pipeline for fixed-price service jobs."""

__version__ = "0.1.0"
