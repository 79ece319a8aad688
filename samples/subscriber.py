"""Prints every event of dispatch's jobs once: python samples/subscriber.py NATS_URL SEEN_FILE"""

import asyncio
import sqlite3
import sys
from contextlib import suppress

import nats


async def main(url: str, file: str) -> None:
    seen = sqlite3.connect(file)
    seen.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
    js = (await nats.connect(url)).jetstream()
    while True:
        with suppress(nats.errors.Error):  # The stream was made anew: the consumer is, too.
            jobs = await js.pull_subscribe("dispatch.v1.job.>", durable="sample", stream="DISPATCH_EVENTS")
            while True:
                with suppress(nats.errors.TimeoutError):  # Nothing has happened.
                    for message in await jobs.fetch(100, timeout=10):
                        with seen:  # What you do with the event in this database belongs here, and is done once.
                            id_, kind = message.headers["ce-id"], message.headers["ce-type"]
                            if seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", [id_]).rowcount:
                                print(id_, kind, message.data.decode(), flush=True)
                        await message.ack()
        await asyncio.sleep(1)


asyncio.run(main(*sys.argv[1:]))
