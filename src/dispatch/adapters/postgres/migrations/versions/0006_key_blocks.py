"""Keys of imported persons in blocks, and their addresses in runs that are folded into the index later (ADR 0012)."""

from alembic import op

revision = "0006"
down_revision = "0005"

BLOCKS = """
CREATE TABLE privacy.key_blocks (
    block uuid PRIMARY KEY,          -- a subject's id without its last ten bits, which say the slot
    master_key bytea NOT NULL,
    nonce bytea NOT NULL CHECK (length(nonce) = 16),
    keys bytea STORAGE EXTERNAL NOT NULL CHECK (length(keys) = 32768)  -- 32 bytes a slot, encrypted; zeros: destroyed
);
CREATE TABLE privacy.address_runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entries bytea STORAGE EXTERNAL NOT NULL CHECK (length(entries) % 32 = 0)  -- contact and subject, 16 bytes each
);
"""


def upgrade() -> None:
    op.execute(BLOCKS)
