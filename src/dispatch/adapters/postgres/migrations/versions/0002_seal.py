"""The seal: the ledger's Merkle tree as tiles of 256 hashes, and the signed checkpoints over it."""

from alembic import op

revision = "0002"
down_revision = "0001"

TILES = """
CREATE TABLE ledger.seal_tiles (
    level smallint NOT NULL,         -- 0: hashes of events; above: hashes of whole tiles of the level below
    index bigint NOT NULL,
    hashes bytea NOT NULL,           -- 32 bytes each, at most 256 of them
    first_position bigint,           -- of the events, at level 0
    last_position bigint,
    positions bytea,                 -- 8 bytes each, where they have gaps; null: they are contiguous
    PRIMARY KEY (level, index),
    CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    CHECK ((level = 0) = (first_position IS NOT NULL AND last_position IS NOT NULL))
);
-- Hashes do not compress: trying costs more than the rest of the write.
ALTER TABLE ledger.seal_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL, ALTER COLUMN positions SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX seal_tiles_first_position_idx ON ledger.seal_tiles (first_position) WHERE level = 0;
"""

CHECKPOINTS = """
CREATE TABLE ledger.seal_checkpoints (
    size bigint PRIMARY KEY,
    previous bigint NOT NULL UNIQUE,  -- Two sealers that go on from the same checkpoint: the second one is refused.
    position bigint NOT NULL,         -- of the last event
    note text NOT NULL,               -- C2SP tlog-checkpoint, signed
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (previous >= 0 AND previous < size)
);
"""


def upgrade() -> None:
    for statement in (TILES, CHECKPOINTS):
        op.execute(statement)
