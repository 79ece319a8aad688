"""The JetStream streams: a cache of what the ledger owes, sized, with explicit settings that are kept up to date."""

from collections.abc import Sequence

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import BadRequestError, NotFoundError

WORK_STREAM = "DISPATCH_WORK"
WORK_SUBJECTS = "dispatch.work.>"
EVENT_STREAM = "DISPATCH_EVENTS"
EVENT_SUBJECTS = "dispatch.v1.>"
"""`dispatch.v1.<aggregate>.<event>.<stream id>`."""
ADVANCED_SUBJECT = "dispatch.ledger.advanced"
"""Core NATS, not stored: tells followers that the ledger has grown; a lost one costs a poll."""
QUEUED_SUBJECT = "dispatch.webhooks.queued"
"""Likewise: there are webhooks to be sent, or endpoints have changed."""

OLDEST_SERVER = 2, 12
"""Major and minor version of the first server that takes batches, all or none."""
MAX_BYTES = 1 << 30
STREAM_FULL = 10077
"""JetStream's error code for a message that a limit of the stream refuses (JSStreamStoreFailedF)."""


def work_subject(queue: str) -> str:
    """Where the work of a queue (of a stage, or intake) is published."""
    return f"dispatch.work.{queue}"


def consumer_name(queue: str) -> str:
    """The durable consumer that all workers of a queue share; a fixed name, so none is left behind."""
    return f"work-{queue.replace('.', '-')}"


class ServerTooOld(NatsError):
    """The server is older than OLDEST_SERVER."""


def version_text(version: Sequence[int]) -> str:
    """2.12"""
    return ".".join(map(str, version))


async def ensure_work_stream(js: JetStreamContext) -> None:
    """Create the work stream, or bring it to these settings.

    Nothing goes by age: what nobody has worked at yet would be lost, and so would be the relay's cursor. A full stream
    refuses instead, and `make_room` drops what is done.
    """
    await _ensure_stream(
        js,
        StreamConfig(
            name=WORK_STREAM,
            subjects=[WORK_SUBJECTS],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=MAX_BYTES,
            allow_direct=True,
            allow_atomic=True,
        ),
    )


async def ensure_event_stream(js: JetStreamContext, *, max_age_s: float, max_bytes: int) -> None:
    """Create the stream that subscribers read, or bring it to these settings.

    Old events go, by age and by size, whoever has read them or not: a slow subscriber must not stop the others, and all
    of them stay in the ledger.
    """
    await _ensure_stream(
        js,
        StreamConfig(
            name=EVENT_STREAM,
            description="Events of dispatch for subscribers, as CloudEvents; made again from the ledger",
            subjects=[EVENT_SUBJECTS],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=max_age_s,
            max_bytes=max_bytes,
            allow_direct=True,
            allow_atomic=True,
        ),
    )


async def _ensure_stream(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        made = await js.add_stream(config)
    except BadRequestError:  # It exists with other settings.
        made = await js.update_stream(config)
    if not made.config.allow_atomic:  # It leaves out what it does not know, and would store parts of batches.
        needed = version_text(OLDEST_SERVER)
        raise ServerTooOld(f"this NATS server knows no atomic batches: {needed} or a later one is needed")


async def ensure_consumer(js: JetStreamContext, queue: str, *, ack_wait_s: float, in_flight_max: int) -> None:
    """Create the queue's shared consumer, or bring it to these settings.

    It delivers without end: nobody would ever take up a batch again of which the last delivery failed.
    """
    await js.add_consumer(
        WORK_STREAM,
        ConsumerConfig(
            durable_name=consumer_name(queue),
            filter_subject=work_subject(queue),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=in_flight_max,
            max_deliver=-1,
        ),
    )


async def last_message_headers(
    js: JetStreamContext, stream: str = WORK_STREAM, info: StreamInfo | None = None
) -> dict[str, str] | None:
    """The headers of the stream's last message, as of `info` where it is given; None when it holds none."""
    info = info or await js.stream_info(stream)
    if info.state.messages == 0:
        return None
    try:
        message = await js.get_msg(stream, info.state.last_seq)
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


async def make_room(js: JetStreamContext, queues: Sequence[str]) -> None:
    """Drop the messages that are done, but never the stream's last one, which is the relay's cursor."""
    last = (await js.stream_info(WORK_STREAM)).state.last_seq
    for queue in queues:
        try:
            info = await js.consumer_info(WORK_STREAM, consumer_name(queue))
        except NotFoundError:
            continue  # Nobody has worked there yet.
        idle = not info.num_pending and not info.num_ack_pending  # Then all that is not newer than `last` is done.
        done = last - 1 if idle else info.ack_floor.stream_seq if info.ack_floor else 0
        if done > 0:
            await js.purge_stream(WORK_STREAM, seq=min(done + 1, last), subject=work_subject(queue))
