"""Every endpoint as it is now, for whoever sends to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.webhooks import WebhookQueue
from dispatch.domain.endpoint.decide import decider
from dispatch.domain.endpoint.events import Event
from dispatch.domain.endpoint.state import Endpoint


class EndpointsNow:
    """Loads from their streams the endpoints that the queue says have changed since the last look."""

    def __init__(self, ledger: EventLedger, queue: WebhookQueue) -> None:
        self._ledger, self._queue = ledger, queue
        self._endpoints: Mapping[str, Endpoint] = {}
        self._met: dict[str, int] = {}

    def __getitem__(self, endpoint_id: str) -> Endpoint:
        """An endpoint as it was at the last look; one that nobody knows is not active."""
        return self._endpoints.get(endpoint_id, NOBODY)

    def items(self) -> Iterable[tuple[str, Endpoint]]:
        """All of them by their ids."""
        return self._endpoints.items()

    def look(self) -> None:
        """See what has changed. Raises LedgerUnavailable."""
        met = self._queue.met()
        changed = [name for name, revision in met.items() if self._met.get(name) != revision]
        if changed:
            found = self._ledger.load_many(changed).items()
            seen = {name: decider.fold(cast("Sequence[Event]", history.events)) for name, history in found}
            self._endpoints = {**self._endpoints, **seen}  # Others may be reading it.
        self._met = met


NOBODY = Endpoint()
