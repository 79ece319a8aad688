"""The HTTP door: the API under /v1, health and metrics, and the live page."""
