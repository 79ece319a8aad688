"""What can be said about receipts, for a provider of the file or for the notifier of the settings."""

from dispatch.application.calling.line import ReceiptsBy
from dispatch.entrypoints.senders import read_secret


def read_receipts_by(text: str) -> ReceiptsBy:
    """How receipts come. Raises ValueError."""
    try:
        return ReceiptsBy(text)
    except ValueError:
        raise ValueError(f"{text!r} is no way for receipts to come, write one of {', '.join(ReceiptsBy)}") from None


def read_receipt_secrets(text: str) -> tuple[bytes, ...]:
    """Secrets apart by commas or white space. Raises ValueError: says which cannot be used, never what it is."""
    return tuple(read_secret(secret, number) for number, secret in enumerate(text.replace(",", " ").split(), 1))


def check_receipts(by: ReceiptsBy, secrets: tuple[bytes, ...]) -> None:
    """Raises ValueError: receipts are waited for, and nobody could sign them."""
    if by is not ReceiptsBy.ASK and not secrets:
        raise ValueError(f"receipts come by {by.value}, and there is no secret to check them with")
