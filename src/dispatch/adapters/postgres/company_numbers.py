"""The register of companies: who has which number of the sequence."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.locks import Lock
from dispatch.adapters.postgres.pool import transaction
from dispatch.application.ports.registers import CompanyNumber, NumberTaken

GIVEN = """
SELECT company, number, job_id::text FROM intake.company_numbers WHERE company = ANY(%s::text[])
"""
# One at a time: nobody draws a number for a company that somebody else is about to write down.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(%s)"
LEFT = """
SELECT seqmax - CASE WHEN is_called THEN last_value ELSE last_value - 1 END
FROM intake.company_numbers_seq, pg_sequence WHERE seqrelid = 'intake.company_numbers_seq'::regclass
"""
GIVE = """
INSERT INTO intake.company_numbers (company, number, job_id)
SELECT asked.company, nextval('intake.company_numbers_seq'), asked.job_id
FROM unnest(%s::text[], %s::text[]::uuid[]) WITH ORDINALITY AS asked (company, job_id, place)
ORDER BY asked.place
RETURNING company, number, job_id::text
"""


class PostgresCompanyNumbers:
    """Implements the port `CompanyNumbers`.

    A number is drawn and written down in one transaction, before anything is recorded about it: what breaks in between
    leaves a gap, and what breaks afterwards finds it here again. `nextval` is never taken back (PostgreSQL, 9.17).
    """

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def allocate(self, asked: Sequence[tuple[str, str]]) -> dict[str, CompanyNumber | None]:
        first_jobs: dict[str, str] = {}
        for job_id, company in asked:
            first_jobs.setdefault(company, job_id)
        try:
            with transaction(self._pool) as connection:
                known = self._known(connection, list(first_jobs))
                if len(known) < len(first_jobs):
                    connection.execute(ONE_AT_A_TIME, (Lock.COMPANY_NUMBERS,))
                    known |= self._known(connection, list(first_jobs))
                    known |= self._give(connection, [(c, job) for c, job in first_jobs.items() if c not in known])
        except psycopg.errors.UniqueViolation as error:
            raise NumberTaken from error
        return {job_id: known.get(company) for job_id, company in asked}

    @staticmethod
    def _known(connection: psycopg.Connection[Any], companies: list[str]) -> dict[str, CompanyNumber]:
        rows = connection.execute(GIVEN, (companies,))
        return {company: CompanyNumber(number, job_id) for company, number, job_id in rows}

    @staticmethod
    def _give(connection: psycopg.Connection[Any], new: list[tuple[str, str]]) -> dict[str, CompanyNumber]:
        """To as many of these as the sequence has numbers left."""
        [(left,)] = connection.execute(LEFT).fetchall()
        if not (served := new[:left]):
            return {}
        rows = connection.execute(GIVE, ([company for company, _ in served], [job_id for _, job_id in served]))
        return {company: CompanyNumber(number, job_id) for company, number, job_id in rows}
