"""The simulated providers without their sockets: who is known, what was accepted, and the counts."""

from collections import Counter
from hashlib import blake2b
from time import monotonic

import msgspec

from dispatch.adapters.providers.simulator.fates import Draw, Fate, Fates, Reply, error_inside
from dispatch.adapters.providers.simulator.flapping import up_in_s
from dispatch.adapters.providers.simulator.holders import DRAMA_MOBILES, holder, key_of
from dispatch.adapters.providers.simulator.receipts import Receipts, failed
from dispatch.adapters.providers.simulator.scenario import CALM, Scenario


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the start or the last reset."""

    requests: int  # To the providers' endpoints.
    effects: int  # Messages accepted: at most one per idempotency key.
    duplicates: int  # Repeats of an accepted key: answered with its id, without another effect.
    keys_seen: int  # Idempotency keys that ever arrived.
    errors: dict[str, int]  # Accidents and refusals by kind.
    receipts: dict[str, int] = {}  # Signed receipts: planned, sent, given_up, tried_again; messages that were lost.


class _Message(msgspec.Struct):
    channel: str
    to: str
    template: str
    variables: dict[str, str]


_messages = msgspec.json.Decoder(_Message)


class World:
    """The state behind the endpoints. What a request meets follows from its content and how often it was asked."""

    def __init__(self, scenario: Scenario = CALM) -> None:
        self.scenario = scenario
        self.receipts = Receipts(lambda: self.scenario, self.up_in_s)
        self.reset()

    def reset(self) -> None:
        """Forget every message, attempt and count."""
        self.receipts.reset()
        self._requests = self._effects = self._duplicates = 0
        self._errors: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._bodies: dict[str, int | None] = {}  # Message id: hash of the accepted body, None before one is accepted.
        self.change(self.scenario)

    def change(self, scenario: Scenario) -> None:
        """Behave differently from now on: attempts count anew, what was accepted and counted stays."""
        self.scenario = scenario
        self._fates = Fates(scenario, self._errors)
        self._began = monotonic()

    def up_in_s(self) -> float:
        """For so long it is down; 0 while it is up."""
        return up_in_s(self.scenario, monotonic() - self._began)

    def stats(self) -> Stats:
        """The counts so far."""
        return Stats(
            requests=self._requests,
            effects=self._effects,
            duplicates=self._duplicates,
            keys_seen=len(self._bodies),
            errors=dict(self._errors),
            receipts={kind: number for kind, number in sorted(self.receipts.counts.items()) if number},
        )

    def find(self, query: dict[str, str], authorization: str) -> Reply:
        """GET /contacts"""
        self._requests += 1
        if not self._lets_in(authorization):
            return self._refused(401, "bad_credentials")
        key = key_of(query)
        fate = self._meet("contacts", key)
        return fate.instead() or fate.after(self._contact(key, query))

    def verify(self, query: dict[str, str]) -> Reply:
        """GET /verify: a bad key is an error inside a 200, as at MillionVerifier."""
        self._requests += 1
        if self.scenario.api_key not in ("", query.get("api")):
            self._errors["bad_credentials"] += 1
            return error_inside("Invalid API key")
        email = query.get("email", "").lower()
        fate = self._meet("verify", email)
        return fate.instead() or fate.after(self._verification(email))

    def send(self, idempotency_key: str, body: bytes, authorization: str) -> Reply:
        """POST /messages"""
        self._requests += 1
        if not self._lets_in(authorization):
            return self._refused(401, "bad_credentials")
        if not idempotency_key:
            return self._refused(400, "idempotency_key_missing")
        message_id = _message_id(idempotency_key)
        self._bodies.setdefault(message_id, None)
        fate = self._meet("messages", idempotency_key)
        return fate.instead() or fate.after(self._accepted(message_id, idempotency_key, body))

    def lookup(self, query: dict[str, str], authorization: str) -> Reply:
        """GET /messages?idempotency_key=KEY: the message that was accepted under this key."""
        self._requests += 1
        if not self._lets_in(authorization):
            return self._refused(401, "bad_credentials")
        message_id = _message_id(query.get("idempotency_key", ""))
        fate = self._meet("lookups", message_id)
        found = self._bodies.get(message_id) is not None
        reply = Reply(200, b'{"id":"%b"}' % message_id.encode()) if found else Reply(404, b'{"code":"no_such_message"}')
        return fate.instead() or fate.after(reply)

    def receipt(self, message_id: str, authorization: str) -> Reply:
        """GET /messages/{id}"""
        self._requests += 1
        if not self._lets_in(authorization):
            return self._refused(401, "bad_credentials")
        fate = self._meet("receipts", message_id)
        return fate.instead() or fate.after(self._receipt(message_id))

    def _meet(self, place: str, key: str) -> Fate:
        if self.scenario.flap_down_s and self.up_in_s():
            self._errors["down"] += 1
            return Fate("dropped" if self.scenario.flap_drops else "unavailable")
        return self._fates.meet(place, key)

    def _contact(self, reference: str, query: dict[str, str]) -> Reply:
        draw = Draw(self.scenario.seed, "contact", reference)
        if draw.share(0) < self.scenario.no_such_contact:
            return self._refused(404, "no_such_contact")
        if query.get("role"):
            return Reply(200, holder(self.scenario.seed, query))
        local = "".join(c if c.isascii() and c.isalnum() else "-" for c in reference.lower()).strip("-") or "someone"
        contact = {
            "email": query.get("email") or f"{local}@example.com",
            "phone": query.get("phone") or f"{DRAMA_MOBILES}{draw.number(1) % 1000:03d}",
            "source": "simulator",
        }
        return Reply(200, msgspec.json.encode(contact))

    def _verification(self, email: str) -> Reply:
        scenario, share = self.scenario, Draw(self.scenario.seed, "email", email).share(0)
        if share < scenario.invalid_email or "@" not in email:
            self._errors["invalid_email"] += 1
            return Reply(200, b'{"result":"invalid"}')
        if share < scenario.invalid_email + scenario.risky_email:
            return Reply(200, b'{"result":"catch_all"}')
        if share < scenario.invalid_email + scenario.risky_email + scenario.unknown_email:
            return Reply(200, b'{"result":"unknown"}')
        return Reply(200, b'{"result":"ok"}')

    def _accepted(self, message_id: str, idempotency_key: str, body: bytes) -> Reply:
        accepted, content = self._bodies[message_id], hash(body)
        if accepted is None:
            try:
                to = _messages.decode(body).to
            except (msgspec.DecodeError, UnicodeDecodeError):
                return self._refused(422, "bad_message")
            if Draw(self.scenario.seed, "mailbox", to).share(0) < self.scenario.no_such_mailbox:
                return self._refused(422, "no_such_mailbox")
            self._bodies[message_id] = content
            self._effects += 1
            self.receipts.take(message_id, idempotency_key)
        elif accepted == content:
            self._duplicates += 1
        else:
            return self._refused(422, "idempotency_key_reused")
        return Reply(202, b'{"id":"%b"}' % message_id.encode())

    def _receipt(self, message_id: str) -> Reply:
        if self._bodies.get(message_id) is None:
            return self._refused(404, "no_such_message")
        if self.scenario.receipts_pending_polls:
            self._polls[message_id] += 1
            if self._polls[message_id] <= self.scenario.receipts_pending_polls:
                return Reply(200, b'{"status":"pending"}')
        is_failed = failed(self.scenario, message_id)
        return Reply(200, b'{"status":"failed"}' if is_failed else b'{"status":"delivered"}')

    def _lets_in(self, authorization: str) -> bool:
        return not self.scenario.api_key or authorization == f"Bearer {self.scenario.api_key}"

    def _refused(self, status: int, code: str) -> Reply:
        self._errors[code] += 1
        return Reply(status, b'{"code":"%b"}' % code.encode())


def _message_id(idempotency_key: str) -> str:
    return "m_" + blake2b(idempotency_key.encode(), digest_size=12).hexdigest()
