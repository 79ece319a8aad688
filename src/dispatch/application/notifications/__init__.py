"""Notifications: single messages that callers hand in ready to be sent."""
