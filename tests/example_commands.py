"""What is asked of batches and jobs, as the examples have it answered."""

from dispatch.domain.batch import commands as ask_batch
from dispatch.domain.batch.desk import Priority
from dispatch.domain.job import commands as ask_job
from examples import ANN, BAD_MONEY, BATCH_ID, CONSENTED, FILE_HASH, JOB_ID, NOON, ROUTE

receive = ask_batch.ReceiveBatch(
    batch_id=BATCH_ID,
    at=NOON,
    file_name="jobs.csv",
    file_hash=FILE_HASH,
    file_bytes=2048,
    profile="service-jobs",
    error_threshold_percent=10,
    run=2,
    by="ann",
    priority=Priority.HIGH,
)
open_job = ask_job.OpenJob(
    job_id=JOB_ID,
    at=NOON,
    batch_id=BATCH_ID,
    row=7,
    reference="JOB-0007",
    service="boiler service",
    price_pence=9500,
    route=ROUTE,
    person=ANN,
    permission=CONSENTED,
    details={"note": "side gate"},
)


def judgement(*, accepted: int, rejected: int = 0, duplicates: int = 0) -> ask_batch.RecordJudgement:
    """What judging a file of so many rows has found."""
    return ask_batch.RecordJudgement(
        batch_id=BATCH_ID,
        at=NOON,
        rows=accepted + rejected + duplicates,
        accepted=accepted,
        rejected=rejected,
        duplicates=duplicates,
        errors=(BAD_MONEY,) * min(rejected, 3),
        errors_by_code={"invalid_money": rejected} if rejected else {},
        parse_duration_ms=45,
    )
