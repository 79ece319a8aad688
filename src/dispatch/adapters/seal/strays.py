"""Events that are not where the tree has them: late ones, which came after their place was sealed, and missing ones."""

from typing import Any

import psycopg

from dispatch.adapters.seal.tiles import Tiles

AT_ONCE = 100_000
POSITIONS = (
    "SELECT notification_id FROM ledger.stored_events WHERE notification_id BETWEEN %s AND %s"
    " ORDER BY notification_id LIMIT %s"
)
COUNT = "SELECT count(*) FROM ledger.stored_events WHERE notification_id BETWEEN %s AND %s"
FIRST_TILE = "SELECT coalesce(max(index), 0) FROM ledger.seal_tiles WHERE level = 0 AND first_position <= %s"


def count_strays(
    connection: psycopg.Connection[Any], after: int, through: int, sealed: int
) -> tuple[list[int], list[int]]:
    """As `find_strays`, but quick where the range holds as many events as were sealed of it."""
    row = connection.execute(COUNT, (after + 1, through)).fetchone()
    if row is None or row[0] == sealed:
        return [], []
    return find_strays(connection, after, through)


def find_strays(connection: psycopg.Connection[Any], after: int, through: int) -> tuple[list[int], list[int]]:
    """The positions in a range that are recorded but not sealed, and those that are sealed but not recorded."""
    row = connection.execute(FIRST_TILE, (after + 1,)).fetchone()
    tiles = Tiles(connection).follow(row[0] if row else 0)
    sealed: set[int] = set()
    late: list[int] = []
    missing: list[int] = []
    while after < through:
        found = [position for (position,) in connection.execute(POSITIONS, (after + 1, through, AT_ONCE)).fetchall()]
        last = found[-1] if len(found) == AT_ONCE else through
        for tile in tiles:
            sealed.update(tile.positions)
            if tile.positions[-1] >= last:
                break
        here = {position for position in sealed if after < position <= last}
        late += sorted(set(found) - here)
        missing += sorted(here - set(found))
        sealed = {position for position in sealed if position > last}
        after = last
    return late, missing
