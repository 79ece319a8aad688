"""Webhooks to endpoints elsewhere: what is sent, how it is signed, and what comes of it."""
