"""Company outreach on the running system: 300 companies, people missing, addresses invalid, workers killed."""

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from checker import check as check_ledger
from checker import read_stored
from dispatch.application.account import account
from dispatch.application.company import COMPLETED, CompanyShown, company_shown
from dispatch.application.intake.profiles import profile_named
from dispatch.application.stages.verify_slots import WRITABLE
from dispatch.domain.batch.state import ENDED, BatchStatus
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobOpened
from dispatch.domain.job.state import Job, JobStatus
from dispatch.entrypoints.bootstrap import App
from end_to_end.running import dispatch, eventually, simulated, stats, up
from end_to_end.test_subscribers import subscribed

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(300)]

COMPANIES = 300
RESTING = ENDED | {BatchStatus.WAITING_ON_PEOPLE}
HEADER = ("company", "website", "lawful_basis", "consent_date", "consent_statement", "opted_out")
SAMPLE = Path(__file__).parents[2] / "samples" / "companies.csv"


def make_file(path: Path, count: int, *, without_basis: int = 0) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(1, count + 1):
            basis = ("none", "", "") if number <= without_basis else ("consent", "2026-03-14", "web-form-v3")
            writer.writerow((f"Company {number} Ltd", f"www.company-{number}.example.com", *basis, "no"))
    return path


def providers(url: str) -> dict[str, str]:
    names = ("contact_finder_url", "email_verifier_url", "notifier_url")
    return dict.fromkeys(names, url) | {"work_ack_wait_s": "2", "channel_rate_per_s": "0"}


def jobs_of(app: App, batch_id: str) -> dict[str, Job]:
    """Every job of the batch, folded from the ledger."""
    rows = app.queries.jobs(batch_id=batch_id, limit=10_000)
    histories = app.ledger.load_many([row.job_id for row in rows])
    return {job_id: decider.fold(history.events) for job_id, history in histories.items()}


def should_be_chosen(company: CompanyShown) -> str:
    """The rule of the decision record, by other means: the best verdict, then the first position."""
    for verdict in WRITABLE:
        for slot in company.slots:
            if slot.email_result == verdict:
                return slot.role
    return ""


@pytest.mark.acceptance("2.09", part="300 companies, 300 numbers, through kill -9")
@pytest.mark.acceptance("2.10", part="three slots each, none twice")
@pytest.mark.acceptance("2.11", part="found or not found, one answer a slot")
@pytest.mark.acceptance("2.12", part="each address that was found has a result")
@pytest.mark.acceptance("2.14", part="each row of the file makes one JobOpened appear")
@pytest.mark.acceptance("2.16", part="300 companies from the row to their end, the sums agree")
@pytest.mark.acceptance("2.22", part="workers killed: no number twice, no message twice")
@pytest.mark.acceptance("X12", part="none of 300 is dropped, no two share a number")
def test_three_hundred_companies_through_killed_workers(tmp_path: Path):
    file = make_file(tmp_path / "companies.csv", COMPANIES, without_basis=20)
    with (
        simulated(10, no_such_contact=0.45, invalid_email=0.15, risky_email=0.1) as url,
        up(tmp_path / "data", **providers(url)) as running,
        running.app() as app,
    ):
        with file.open("rb") as content:
            batch_id = app.receive(content, profile_named("company-outreach"), file.name).batch_id
        eventually(lambda: stats(url)["requests"], lambda asked: asked > 100)
        running.kill("worker-1")
        eventually(lambda: stats(url)["effects"], lambda sent: sent > 5)
        running.kill("worker-2")
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 120)
        assert check_ledger(read_stored(app.settings.database_url), at_rest=True) == []

        counted = account(app.ledger, batch_id)
        assert counted.adds_up
        assert (counted.rows, counted.open) == (COMPANIES, 0)
        opened = [one for one in app.ledger.read(0, 1_000_000) if isinstance(one.event, JobOpened)]
        assert len(opened) == len({one.stream for one in opened}) == COMPANIES

        jobs = jobs_of(app, batch_id)
        companies = {job_id: company_shown(job) for job_id, job in jobs.items()}
        identifiers = [company.identifier for company in companies.values()]
        assert len(set(identifiers)) == len(identifiers) == COMPANIES
        assert all(company.validation_notes == "Valid" and not company.known_before for company in companies.values())

        found = Counter(company.found for company in companies.values())
        assert set(found) == {0, 1, 2, 3}, "all, some and none were found"
        for job_id, company in companies.items():
            assert [(slot.position, slot.role) for slot in company.slots] == [
                (1, "CEO"), (2, "CFO"), (3, "HR Director"),
            ]  # fmt: skip
            assert all(slot.status and slot.email_result and slot.slot_type == "executive" for slot in company.slots)
            assert all((slot.email_status == "verified") == (slot.status == COMPLETED) for slot in company.slots)
            job = jobs[job_id]
            if job.status is JobStatus.BLOCKED:
                assert company.chosen == ""
                continue
            assert company.chosen == should_be_chosen(company)
            assert (job.status is JobStatus.DELIVERED) == (company.chosen != "")
            assert company.chosen or job.escalated_for == "nobody_reachable"

        ended = Counter(job.status for job in jobs.values())
        assert (ended[JobStatus.DELIVERED], ended[JobStatus.ESCALATED], ended[JobStatus.BLOCKED]) == (
            counted.delivered, counted.escalated, counted.blocked,
        )  # fmt: skip
        assert counted.blocked == 20
        assert min(counted.delivered, counted.escalated) > 0
        seen = stats(url)
        assert seen["effects"] == seen["keys_seen"] == counted.delivered, "one message for each company that has one"
        check_views(app, companies)


def check_views(app: App, companies: dict[str, CompanyShown | None]) -> None:
    """The views tell what the ledger does, and nothing of a person."""
    with psycopg.connect(app.settings.database_url) as connection:
        rows = connection.execute("SELECT job_id::text, identifier, found, chosen, sent FROM ops.companies").fetchall()
        slots = connection.execute(
            "SELECT job_id::text, position, status, email_result FROM ops.company_slots"
        ).fetchall()
        [(everything,)] = connection.execute(
            "SELECT string_agg(company::text, '') || (SELECT string_agg(slot::text, '') FROM ops.company_slots AS slot)"
            " FROM ops.companies AS company"
        ).fetchall()
        [(numbers, last)] = connection.execute("SELECT count(*), max(number) FROM intake.company_numbers").fetchall()
    assert {job_id: (identifier, found, chosen) for job_id, identifier, found, chosen, _ in rows} == {
        job_id: (company.identifier, company.found, company.chosen) for job_id, company in companies.items() if company
    }
    assert all(sent == bool(chosen) for *_, chosen, sent in rows)
    assert sorted(slots) == sorted(
        (job_id, slot.position, slot.status, slot.email_result)
        for job_id, company in companies.items()
        if company
        for slot in company.slots
    )
    assert "@" not in everything
    assert (numbers, last >= COMPANIES) == (COMPANIES, True)


@pytest.mark.acceptance("2.11", part="25 items, 5 s: the finder's pace holds over all workers")
def test_the_finder_is_asked_at_its_pace(tmp_path: Path):
    """Sixty slots at 25 in 5 seconds: 25 at once, and the other 35 take 7 seconds."""
    file, declared = make_file(tmp_path / "companies.csv", 20), tmp_path / "providers.toml"
    declared.write_text('[[provider]]\nname = "finder"\ncapability = "contact_finder"\ncalls = 25\nper_s = 5\n')
    with (
        simulated(5) as url,
        up(tmp_path / "data", **providers(url), providers_file=str(declared)) as running,
        running.app() as app,
    ):
        ended = dispatch(
            "batch", "upload", str(file), "--profile", "company-outreach", "--wait", "--data", str(tmp_path / "data"),
            timeout_s=120,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        [batch] = app.queries.batches(limit=1)
        companies = [company_shown(job) for job in jobs_of(app, batch.batch_id).values()]
    at = sorted(datetime.fromisoformat(slot.enriched_at) for company in companies if company for slot in company.slots)
    assert len(at) == 60
    assert (at[-1] - at[0]).total_seconds() > 6
    assert {slot.source for company in companies if company for slot in company.slots} == {"simulator"}


@pytest.mark.acceptance("2.06", part="the sample, from the command line to the number")
@pytest.mark.acceptance("2.14", part="a row makes a JobOpened appear at whoever listens")
@pytest.mark.acceptance("2.15", part="whoever listens sees each stage of a company live, and nothing personal")
def test_the_sample_is_shown_with_its_number_and_slots_and_without_its_people(tmp_path: Path):
    data = str(tmp_path / "data")
    with up(tmp_path / "data", "--scenario", "calm") as running, subscribed(running, tmp_path) as subscriber:
        ended = dispatch("batch", "upload", str(SAMPLE), "--profile", "company-outreach", "--wait", "--data", data)
        assert "5 Rows Ingested" in ended.stdout, ended.stdout + ended.stderr
        listed = dispatch("job", "list", "--data", data, "--json").stdout.splitlines()
        first = json.loads(listed[0])["job_id"]
        shown = dispatch("job", "show", first, "--data", data).stdout
        assert "04.04.01.84.00001.001" in shown
        assert "3 of 3" in shown
        assert "CEO <" in shown
        assert "@ashworth" not in shown
        company = json.loads(dispatch("job", "show", first, "--data", data, "--json").stdout)["company"]
        assert [slot["role"] for slot in company["slots"] if slot["chosen"]] == ["CEO"]
        live = eventually(lambda: [line for line in subscriber.lines if first in line], lambda lines: len(lines) >= 15)
        assert "job-opened" in live[0]
        told = "".join(live)
        assert all(f'"stage":"{stage}"' in told for stage in profile_named("company-outreach").route)
        assert '"identifier":"04.04.01.84.00001.001"' in told
        assert "@" not in told


@pytest.mark.acceptance("2.22", part="refused mailboxes lead to the next role through a killed worker, none twice")
def test_refused_mailboxes_lead_to_the_next_role(tmp_path: Path):
    file = make_file(tmp_path / "companies.csv", 80)
    with (
        simulated(10, no_such_mailbox=0.4, no_such_contact=0.2) as url,
        up(tmp_path / "data", **providers(url)) as running,
        running.app() as app,
    ):
        with file.open("rb") as content:
            batch_id = app.receive(content, profile_named("company-outreach"), file.name).batch_id
        eventually(lambda: stats(url)["effects"], lambda sent: sent > 5)
        running.kill("worker-1")
        eventually(lambda: app.queries.batch(batch_id), lambda row: row is not None and row.status in RESTING, 120)
        assert check_ledger(read_stored(app.settings.database_url), at_rest=True) == []
        counted = account(app.ledger, batch_id)
        assert (counted.adds_up, counted.open) == (True, 0)
        passed_over = 0
        for job in jobs_of(app, batch_id).values():
            company = company_shown(job)
            assert company
            writable = [f"{slot.position} {slot.role}" for slot in company.slots if slot.email_result in WRITABLE]
            gone = [one.recipient for one in job.refused]
            assert gone == writable[: len(gone)], "each in its order, once"
            passed_over += len(gone)
            if job.status is JobStatus.DELIVERED:
                assert [slot.role for slot in company.slots if slot.chosen] == [company.chosen]
                assert writable[len(gone)].endswith(company.chosen)
            else:
                assert job.escalated_for == ("nobody_left" if gone else "nobody_reachable")
                assert gone == writable
        assert passed_over > 20
        seen = stats(url)
        assert seen["effects"] == counted.delivered, "one message a company, and none to a mailbox that was refused"
        [stage] = [one for one in app.queries.stage_progress(batch_id) if one.stage == "dispatch"]
        assert stage.entered == stage.completed == counted.delivered + passed_over
        answer = dispatch("reconcile", "--data", str(tmp_path / "data"), "--json")
        assert json.loads(answer.stdout)["counts"] == {}, answer.stdout
