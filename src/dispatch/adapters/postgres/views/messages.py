"""Which job sent which message, and what its provider said of it: `ops.messages`. No personal data."""

from collections.abc import Sequence
from datetime import datetime

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import ReceiptRecorded, StageCompleted
from dispatch.domain.job.receipt_status import ReceiptStatus

CREATE = """
CREATE TABLE {schema}.messages (
    provider text NOT NULL,
    message_id text NOT NULL,  -- the provider's own
    job_id uuid NOT NULL,
    sent_at timestamptz NOT NULL,
    receipt text NOT NULL DEFAULT 'pending',  -- what its signed receipts say; what was asked for is not here
    said_at timestamptz,
    code text NOT NULL DEFAULT '',
    contradicted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (provider, message_id)
) WITH (fillfactor = 80);
"""
SEND = """
INSERT INTO {schema}.messages (provider, message_id, job_id, sent_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]::uuid[], %s::timestamptz[])
ON CONFLICT DO NOTHING
"""
SAY = """
UPDATE {schema}.messages AS seen
SET receipt = said.status, said_at = said.said_at, code = said.code
FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
     AS said (provider, message_id, status, said_at, code)
WHERE (seen.provider, seen.message_id) = (said.provider, said.message_id) AND seen.receipt <> 'delivered'
"""
CONTRADICT = """
UPDATE {schema}.messages AS seen SET contradicted = true
FROM unnest(%s::text[], %s::text[]) AS said (provider, message_id)
WHERE (seen.provider, seen.message_id) = (said.provider, said.message_id)
"""


class MessagesView(View):
    """One row per message that a provider took: receipts find their jobs by it."""

    name = "messages"
    version = 1
    home = "ops"
    tables = ("messages",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        sent: dict[tuple[str, str], tuple[str, datetime]] = {}
        said: dict[tuple[str, str], ReceiptRecorded] = {}
        contradicted: set[tuple[str, str]] = set()
        for record in recorded:
            match record.event:
                case StageCompleted(output=output, at=at) if "message_id" in output:
                    place = str(output.get("provider", "")), str(output["message_id"])
                    sent.setdefault(place, (record.stream, at))
                case ReceiptRecorded(provider=provider, message_id=message_id) as receipt:
                    place = provider, message_id
                    if place not in said or said[place].status is not ReceiptStatus.DELIVERED:
                        said[place] = receipt  # As the rules have it: delivered counts, whenever it was said.
                    if receipt.contradicts:
                        contradicted.add(place)
                case _:
                    pass  # It neither sends a message nor says anything of one.
        if sent:
            rows = [(*place, *told) for place, told in sent.items()]
            cursor.execute(self.sql(SEND), [list(column) for column in zip(*rows, strict=True)])
        if said:
            told = [(*place, one.status.value, one.said_at, one.code) for place, one in said.items()]
            cursor.execute(self.sql(SAY), [list(column) for column in zip(*told, strict=True)])
        if contradicted:
            cursor.execute(self.sql(CONTRADICT), [list(column) for column in zip(*sorted(contradicted), strict=True)])
