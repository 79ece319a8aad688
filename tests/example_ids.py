"""When, and of which file, batch and job the examples are."""

from datetime import UTC, datetime

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FILE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CORRECTION_HASH = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
BATCH_ID = "3f2b8c1e-7a4d-8e5f-9b6a-0c1d2e3f4a5b"
JOB_ID = "019aaf6c-1c00-83f2-8c1e-7a4d00000007"
