"""The event ledger on Postgres and in memory: the one port, two forms, one contract suite."""
