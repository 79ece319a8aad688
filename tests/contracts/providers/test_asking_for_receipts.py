"""Asking for receipts: at most so many a second, refusals are answers, and a silent provider is asked no more."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from dispatch.adapters.providers.receipts import PacedReceipts
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable
from dispatch.domain.job.receipt_status import ReceiptStatus


class Scripted:
    """A notifier that answers from a list and notes when it was asked."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        self.answers, self.asked = answers, list[float]()

    async def send(self, message: object) -> str:
        raise AssertionError("a comparison sends nothing")

    async def receipt(self, message_id: str) -> ReceiptStatus:
        self.asked.append(monotonic())
        answer = self.answers[message_id]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ReceiptStatus)
        return answer

    @asynccontextmanager
    async def opened(self):
        yield self


def test_each_answer_stands_under_its_message():
    notifier = Scripted(
        {"a": ReceiptStatus.DELIVERED, "b": ProviderRefused("no_such_message"), "c": ReceiptStatus.FAILED}
    )
    asked = PacedReceipts({"main": notifier.opened}, per_s=1_000)("main", ["a", "b", "c"])
    assert asked == {"a": ReceiptStatus.DELIVERED, "b": "no_such_message", "c": ReceiptStatus.FAILED}


def test_it_keeps_to_its_rate():
    notifier = Scripted(dict.fromkeys("abcde", ReceiptStatus.PENDING))
    PacedReceipts({"main": notifier.opened}, per_s=50)("main", "abcde")
    assert notifier.asked[-1] - notifier.asked[0] >= 4 / 50 * 0.95


@pytest.mark.acceptance("S.09", part="a comparison does not press a provider that is in trouble")
def test_a_provider_in_trouble_is_asked_no_more():
    notifier = Scripted(
        {"a": ReceiptStatus.DELIVERED, "b": ProviderUnavailable("timeout"), "c": ReceiptStatus.DELIVERED}
    )
    asked = PacedReceipts({"main": notifier.opened}, per_s=1_000)("main", ["a", "b", "c"])
    assert asked == {"a": ReceiptStatus.DELIVERED}
    assert len(notifier.asked) == 2


def test_each_provider_is_asked_for_its_own():
    main, spare = Scripted({"a": ReceiptStatus.DELIVERED}), Scripted({"b": ReceiptStatus.FAILED})
    ask = PacedReceipts({"main": main.opened, "spare": spare.opened}, per_s=1_000)
    assert ask("main", ["a"]) == ask("", ["a"]) == {"a": ReceiptStatus.DELIVERED}, "without a name it is the first one"
    assert ask("spare", ["b"]) == {"b": ReceiptStatus.FAILED}
    assert ask("gone", ["c"]) is None
