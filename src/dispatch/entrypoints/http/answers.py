"""What a door answers that has received rows, whichever way they came."""

import asyncio

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from dispatch.application.intake.receive import Received
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.problem import RETRY_AFTER_S
from dispatch.entrypoints.http.shapes import Accepted, find_batch, shown

TheApp = NamedDependency[SkipValidation[App]]


async def answer_received(app: App, received: Received) -> Response[Accepted]:
    """202 and where the batch is; 200 with the first batch when the same had been received before."""
    location = f"/v1/batches/{received.batch_id}"
    first = await asyncio.to_thread(find_batch, app, received.batch_id) if received.duplicate else None
    answer = Accepted(
        batch_id=received.batch_id,
        file_hash=received.file_hash,
        duplicate=received.duplicate,
        location=location,
        batch=shown(first) if first else None,
    )
    if received.duplicate:
        return Response(answer, status_code=200, headers={"Location": location})
    return Response(answer, headers={"Location": location, "Retry-After": str(RETRY_AFTER_S)})
