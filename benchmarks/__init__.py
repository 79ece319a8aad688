"""Side by side with peers and with the limit of the machine, in one run: python -m benchmarks append --quick."""
