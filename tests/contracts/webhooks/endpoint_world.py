"""An application with endpoints, and what the webhooks role does for them, step by step."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from dispatch.adapters.webhooks.sender import PyreqwestSender
from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.webhooks.deliver import Deliver
from dispatch.application.webhooks.desk import EndpointDesk, NewEndpoint
from dispatch.application.webhooks.follow import FollowLedger
from dispatch.domain import identity
from dispatch.domain.endpoint.state import Endpoint
from dispatch.entrypoints.bootstrap import App
from examples import ANN, BATCH_ID, opened
from receiver import Receiver

HOOK = NewEndpoint(name="crm", url="", types=("job.*",))


class World:
    """An application with a clock of its own, and what the role does, step by step."""

    def __init__(self, app: App) -> None:
        self.app, self.ahead = app, timedelta()
        self.desk: EndpointDesk = replace(app.endpoints, clock=self.clock)
        self.follow = FollowLedger(app.ledger, self.desk.queue, self.clock)

    def clock(self) -> datetime:
        return self.app.endpoints.clock() + self.ahead

    def open_jobs(self, count: int = 1, batch_id: str = BATCH_ID) -> None:
        for _ in range(count):
            job_id = str(uuid4())
            event = msgspec.structs.replace(opened, job_id=job_id, batch_id=batch_id, person=ANN)
            cause = Cause(command_id=str(uuid4()), correlation_id=batch_id)
            self.app.ledger.append([Append(job_id, 0, [event], cause)])

    def followed(self) -> None:
        while self.follow.step():
            pass

    async def delivered(self, *names: str, chance: float = 0.5, sender: PyreqwestSender | None = None) -> None:
        """Follow to the end and send what is due."""
        await asyncio.to_thread(self.followed)
        sender = sender or self.desk.open_sender()  # type: ignore[assignment]
        deliver = Deliver(self.app.ledger, self.desk.queue, sender, self.desk.secrets, self.clock, lambda: chance)  # type: ignore[arg-type]
        try:
            for name in names or ("crm",):
                endpoint_id = identity.endpoint_id(name)
                await deliver(endpoint_id, lambda each=endpoint_id: self.follow.endpoints.get(each, Endpoint()))
        finally:
            await sender.close()  # type: ignore[union-attr]
        await asyncio.to_thread(self.followed)


def register(world: World, hooks: Receiver, name: str = "crm", **changes: object) -> str:
    new = msgspec.structs.replace(HOOK, name=name, url=f"{hooks.url}/{name}", **changes)
    return world.desk.register(new, "ann")
