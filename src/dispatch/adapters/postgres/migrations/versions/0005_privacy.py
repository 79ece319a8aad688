"""Personal data: the wrapped keys of persons, which jobs have which address, and which master keys are in use."""

from alembic import op

revision = "0005"
down_revision = "0004"

KEYS = """
CREATE SCHEMA privacy;
CREATE TABLE privacy.master_keys (
    id bytea PRIMARY KEY,            -- a hash; the key itself is never here
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz           -- since then nothing may be wrapped under it
);
CREATE UNIQUE INDEX master_keys_in_use_idx ON privacy.master_keys ((true)) WHERE retired_at IS NULL;
CREATE TABLE privacy.index_key (     -- makes contact ids of addresses; one row
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    master_key bytea NOT NULL REFERENCES privacy.master_keys,
    wrapped bytea NOT NULL
);
CREATE TABLE privacy.subject_keys (
    subject uuid PRIMARY KEY,        -- the job that the person is known from
    master_key bytea NOT NULL,
    wrapped bytea,                   -- null: destroyed
    CHECK (wrapped IS NULL OR length(wrapped) = 60)
);
CREATE TABLE privacy.addresses (
    contact uuid NOT NULL,           -- keyed hash of the address
    subject uuid NOT NULL,
    PRIMARY KEY (contact, subject)
);
CREATE INDEX addresses_subject_idx ON privacy.addresses USING brin (subject);
"""


def upgrade() -> None:
    op.execute(KEYS)
