"""Events as CloudEvents 1.0 in the binary mode of the NATS binding: attributes in headers, data in the payload.

https://github.com/cloudevents/spec: `spec.md`, `bindings/nats-protocol-binding.md`; of the extensions sequence,
correlation and recordedtime.
"""

from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from dispatch.adapters.nats.batches import Message
from dispatch.application.ports.ledger import Recorded
from dispatch.application.public_events import public_data, public_type

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SEQUENCE = "ce-sequence"
"""Header: the position in the ledger, in 20 digits, so that the order of the texts is the order of the events."""
SEQUENCE_DIGITS = 20
PARTIAL = "ce-partial"
"""Header of an event whose lists are too long to travel: they are left out of the data."""
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What the binding leaves as it is (section 3.1.3.2 of the HTTP binding, to which it refers)."""
_ENCODER = msgspec.json.Encoder()


def cloud_event(recorded: Recorded, source: str, data_bytes_max: int) -> Message:
    """The event as subscribers get it; nothing of a person is in it, not even encrypted.

    Args:
        recorded: the event as it stands in the ledger.
        source: the URI reference of this installation.
        data_bytes_max: data that would be longer goes without its lists.
    """
    event = recorded.event
    kind = public_type(type(event))
    headers = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": str(recorded.position),
        "ce-source": quote(source, safe=_SAFE),
        "ce-type": kind,
        "ce-subject": recorded.stream,
        "ce-time": _rfc3339(event.at),
        "ce-recordedtime": _rfc3339(recorded.recorded_at),
        "ce-datacontenttype": CONTENT_TYPE,
        SEQUENCE: f"{recorded.position:0{SEQUENCE_DIGITS}}",
    }
    if recorded.correlation_id:
        headers["ce-correlationid"] = recorded.correlation_id
    if recorded.causation_id:
        headers["ce-causationid"] = recorded.causation_id
    fields = public_data(event)
    data = _ENCODER.encode(fields)
    if len(data) > data_bytes_max:
        data = _ENCODER.encode(
            {name: value for name, value in fields.items() if not isinstance(value, tuple | list | dict)}
        )
        headers[PARTIAL] = "true"
    return Message(f"{kind}.{recorded.stream}", headers, data)


def _rfc3339(moment: datetime) -> str:
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat()[: -len("+00:00")] + "Z"
