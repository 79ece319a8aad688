"""The command line: verbs on nouns, each with `--json`."""
