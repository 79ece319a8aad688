"""The register of companies and their numbers, and the sequence that these come from (ADR 0031)."""

from alembic import op

revision = "0007"
down_revision = "0006"

NUMBERS = """
CREATE SEQUENCE intake.company_numbers_seq AS integer MINVALUE 1 MAXVALUE 99999 NO CYCLE CACHE 1;
CREATE TABLE intake.company_numbers (
    company text PRIMARY KEY,        -- its website, as intake writes it
    number integer NOT NULL UNIQUE,  -- of the identifier 04.04.01.84.NNNNN.001
    job_id uuid NOT NULL,            -- for which it was given out
    given_at timestamptz NOT NULL DEFAULT now()
);
ALTER SEQUENCE intake.company_numbers_seq OWNED BY intake.company_numbers.number;
"""


def upgrade() -> None:
    op.execute(NUMBERS)
