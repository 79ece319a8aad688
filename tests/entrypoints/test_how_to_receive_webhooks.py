"""docs/how_to/receive_webhooks.md: its receiver takes what we and the reference library sign, nothing else."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from dispatch.application.webhooks.signing import secret_text, signed_headers

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "receive_webhooks.md"
KEY, BODY = bytes(range(32)), b'{"type":"job.delivered"}'


@pytest.fixture
def verified() -> Callable[..., Any]:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own example
    found: Callable[..., Any] = names["verified"]
    return found


def test_what_we_sign_is_taken_also_during_a_rotation(verified):
    headers = signed_headers("msg_1", datetime.now(UTC), BODY, [b"x" * 32, KEY])
    assert verified(secret_text(KEY), headers, BODY) == {"type": "job.delivered"}


def test_the_reference_library_signs_the_same(verified):
    now = datetime.now(UTC)
    ours = signed_headers("msg_1", now, BODY, [KEY])
    theirs = Webhook(secret_text(KEY)).sign("msg_1", now, BODY.decode())
    assert ours["webhook-signature"] == theirs
    assert verified(secret_text(KEY), ours | {"webhook-signature": theirs}, BODY)


def test_what_was_changed_or_is_old_is_refused(verified):
    now = datetime.now(UTC)
    headers, secret = signed_headers("msg_1", now, BODY, [KEY]), secret_text(KEY)
    old = signed_headers("msg_1", datetime.fromtimestamp(time.time() - 301, UTC), BODY, [KEY])
    for changed, body in (
        (headers, BODY + b" "),
        (headers | {"webhook-id": "msg_2"}, BODY),
        (headers | {"webhook-timestamp": "soon"}, BODY),
        (headers | {"webhook-signature": "v1,"}, BODY),
        (old, BODY),
    ):
        with pytest.raises(ValueError, match="signed"):
            verified(secret, changed, body)
