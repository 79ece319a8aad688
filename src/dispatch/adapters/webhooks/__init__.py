"""Sends webhooks, and makes the secrets that sign them."""
