"""A file that cannot be taken: what is wrong with it, where, and how to mend it."""


class FileRefused(Exception):
    """The whole file is refused before anything of it is recorded.

    `code` is stable and public. No text of it holds a value from the file, which may be personal data.
    """

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(code, what, where, fix)
        self.code, self.what, self.where, self.fix = code, what, where, fix

    def __str__(self) -> str:
        return f"{self.what[:1].upper()}{self.what[1:]} ({self.where}): {self.fix}."


def file_empty() -> FileRefused:
    """The refusal of a file without a single character that is not blank."""
    return FileRefused("file_empty", "the file is empty", "line 1", "choose a file with a header line and data rows")


def no_rows() -> FileRefused:
    """The refusal of a file that has a header and nothing else."""
    return FileRefused("no_rows", "there is a header but no row", "behind the header", "add one row per job")
