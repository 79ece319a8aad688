"""Personal data: encrypted under a key per person before it is stored, and erased by destroying that key (ADR 0011)."""
