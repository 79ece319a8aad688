"""The JetStream streams: a cache of what the ledger owes, sized, with explicit settings that are kept up to date."""

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

WORK_STREAM = "DISPATCH_WORK"
WORK_SUBJECTS = "dispatch.work.>"
ADVANCED_SUBJECT = "dispatch.ledger.advanced"
"""Core NATS, not stored: tells followers that the ledger has grown; a lost one costs a poll."""

MAX_BYTES = 1 << 30
MAX_AGE_S = 7 * 24 * 3600
DUPLICATE_WINDOW_S = 120
DELIVERIES_MAX = 10


def work_subject(queue: str) -> str:
    """Where the work of a queue (a stage, or intake) is published."""
    return f"dispatch.work.{queue}"


def consumer_name(queue: str) -> str:
    """The durable consumer that all workers of a queue share; a fixed name, so none is left behind."""
    return f"work-{queue}"


async def ensure_work_stream(js: JetStreamContext) -> None:
    """Create the work stream, or bring it to these settings.

    Limits retention: work-queue streams forget message ids after a restart (and with them, duplicates).
    """
    config = StreamConfig(
        name=WORK_STREAM,
        subjects=[WORK_SUBJECTS],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=MAX_BYTES,
        max_age=MAX_AGE_S,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
    )
    try:
        await js.add_stream(config)
    except BadRequestError:  # It exists with other settings.
        await js.update_stream(config)


async def ensure_consumer(js: JetStreamContext, queue: str, *, ack_wait_s: float, in_flight_max: int) -> None:
    """Create the queue's shared consumer, or bring it to these settings."""
    await js.add_consumer(
        WORK_STREAM,
        ConsumerConfig(
            durable_name=consumer_name(queue),
            filter_subject=work_subject(queue),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=in_flight_max,
            max_deliver=DELIVERIES_MAX,
        ),
    )


async def last_message_headers(js: JetStreamContext) -> dict[str, str] | None:
    """The headers of the stream's last message; None when it holds none."""
    info = await js.stream_info(WORK_STREAM)
    if info.state.messages == 0:
        return None
    try:
        message = await js.get_msg(WORK_STREAM, info.state.last_seq)
    except NotFoundError:
        return None
    return dict(message.headers or {})


async def is_idle(js: JetStreamContext, queue: str) -> bool:
    """Does the queue's consumer have nothing waiting and nothing under way?"""
    try:
        info = await js.consumer_info(WORK_STREAM, consumer_name(queue))
    except NotFoundError:
        return True
    return not info.num_pending and not info.num_ack_pending
