"""Why an embedded server cannot run, and what to do about it."""


class EmbeddedServerError(Exception):
    """An embedded server cannot start; the message says what stands in the way and how to fix it."""


class DataInUse(EmbeddedServerError):
    """Another running server, or its owner, holds this data folder."""


class DataOfAnotherVersion(EmbeddedServerError):
    """The data folder was written by another major version of the server."""


class ServerStoppedEarly(EmbeddedServerError):
    """The server ended before it was ready; the message carries the end of its log."""
