"""Sources: adding them, and looking at them."""
