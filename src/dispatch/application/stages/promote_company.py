"""Promote a company: it gets a number of ours, from a sequence (acceptance 2.09, X12)."""

from collections.abc import Mapping, Sequence

from dispatch.application.company import PROMOTE, VALIDATE
from dispatch.application.ports.registers import CompanyNumber, NumberTaken, Registers
from dispatch.application.stages.stage import RegisterStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome

NUMBERS_END = GiveUp("company_numbers_exhausted", message="all company numbers are given out")
TAKEN = GiveUp("company_number_taken", message="the sequence gave a number that another company has")


def identifier(number: int) -> str:
    """`04.04.01.84.00042.001` of 42. Raises ValueError outside of 1 to 99999: the identifier has five digits."""
    if not 1 <= number <= NUMBER_MAX:
        raise ValueError(f"a company's number is 1 to {NUMBER_MAX}, not {number}")
    return f"04.04.01.84.{number:05d}.001"


NUMBER_MAX = 99_999


def promote_company(tasks: Sequence[Task], registers: Registers) -> Mapping[str, Outcome]:
    """The same company always gets the same number; one that was known before is said to be so, and goes on."""
    asked = [(task.job_id, task.job.reference) for task in tasks]
    numbers = registers.company_numbers
    try:
        return {job_id: _outcome(job_id, got) for job_id, got in numbers.allocate(asked).items()}
    except NumberTaken:
        pass
    outcomes: dict[str, Outcome] = {}
    for one in asked:  # Only those that meet a taken number are to go before a person.
        try:
            outcomes |= {job_id: _outcome(job_id, got) for job_id, got in numbers.allocate([one]).items()}
        except NumberTaken:
            outcomes[one[0]] = TAKEN
    return outcomes


def _outcome(job_id: str, got: CompanyNumber | None) -> Outcome:
    if got is None:
        return NUMBERS_END
    return Done({"identifier": identifier(got.number), "known_before": got.first_job != job_id})


stage = RegisterStage(name=PROMOTE, after=VALIDATE, decide=promote_company)
