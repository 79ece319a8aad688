"""What operators and timers did to the system itself: one stream per run, with who, why and how it ended."""
