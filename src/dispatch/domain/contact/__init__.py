"""A contact: one address (a phone number or an e-mail address), known by its keyed hash only."""
