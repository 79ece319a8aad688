"""Refusals: a command that breaks a rule, named as the fact that stands in the way."""

from typing import ClassVar


class DomainError(Exception):
    """A rule that stands in the way of a command. `code` is stable and public; the text is for people."""

    code: ClassVar[str] = "refused"

    def __str__(self) -> str:
        facts = ", ".join(str(fact) for fact in self.args)
        return f"{(self.__doc__ or self.code).splitlines()[0]} ({facts})" if facts else self.code
