"""Append-only by the database itself: whoever asks, what is recorded is neither changed nor removed.

The table's owner can still disable the trigger; that is what checkpoints outside the database are for (ADR 0002).
"""

from alembic import op

revision = "0003"
down_revision = "0002"

REFUSE = """
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege',
          HINT = 'Record what is right from now on as a new event; what was recorded stays.';
END $$;
"""

# For the statement, not for each row: it costs an insert nothing. ALWAYS: even where replication switches off others.
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;
"""
GUARDED = ("ledger.stored_events", "ledger.seal_checkpoints")


def upgrade() -> None:
    op.execute(REFUSE)
    for table in GUARDED:
        op.execute(GUARD.format(table=table))
