"""The doors in: HTTP, command line, NATS, and the composition root."""
