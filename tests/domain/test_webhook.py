"""One id, one content: a message is recorded once, and another under its id is refused."""

import msgspec
import pytest

from dispatch.domain.webhook.commands import TakeWebhook
from dispatch.domain.webhook.decide import WebhookIdReused, decider
from examples import webhook_received
from given import Given

TAKE = TakeWebhook(**msgspec.structs.asdict(webhook_received))


def test_a_message_is_recorded():
    Given(decider).when(TAKE).then(webhook_received)


def test_again_it_is_no_event():
    Given(decider, webhook_received).when(TAKE).then_nothing()


@pytest.mark.acceptance("X16", part="an id stands for one content")
def test_other_bytes_under_its_id_are_refused():
    Given(decider, webhook_received).when(msgspec.structs.replace(TAKE, file_hash="0" * 64)).then_refused(
        WebhookIdReused
    )
