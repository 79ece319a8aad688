"""Room for the roles: schemas in which the application may make its read models, without a right on the database.

Roles belong to the cluster: `roles.py` makes them before the revisions run, `grants.py` gives them their rights after.
A revision that adds a table has its line there.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMAS = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS rebuild;
"""


def upgrade() -> None:
    op.execute(SCHEMAS)
