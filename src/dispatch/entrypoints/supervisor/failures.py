"""Why the system cannot start, as a person needs to hear it."""


class CannotStart(Exception):
    """What stands in the way, where, and how to fix it. `code` is stable and public."""

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(code, what, where, fix)
        self.code, self.what, self.where, self.fix = code, what, where, fix

    def __str__(self) -> str:
        return f"{self.what} ({self.where}): {self.fix}"
