"""One received file, or one forced run of it."""
