"""What a recorded code means, and what a person can do about it; both doors say it in these words."""

from typing import NamedTuple


class Words(NamedTuple):
    """Why it is so, and what next."""

    why: str
    next: str


NEW_ROW = "send the row again, corrected and under a new reference"

BLOCKED = {
    "objected": Words(
        "the person has objected to being written to, which wins over every ground",
        f"nothing may be sent; only if the objection was noted by mistake, {NEW_ROW}",
    ),
    "no_lawful_basis": Words(
        "no ground to write to this person came with the row", f"if there is one, {NEW_ROW} with its lawful_basis"
    ),
    "consent_without_evidence": Words(
        "consent was claimed without its date, or without the wording that was shown",
        f"if there is evidence, {NEW_ROW} with consent_date and consent_statement",
    ),
    "consent_in_the_future": Words(
        "the consent was to be given on a later day than the job came to this stage", f"check the date, and {NEW_ROW}"
    ),
    "consent_expired": Words(
        "the consent was more than two years old", f"nothing may be sent; if it was given anew since, {NEW_ROW}"
    ),
    "person_erased": Words(
        "the person asked to be erased, and nobody can read any more who it was",
        "nothing may be sent; the batch closes without this job",
    ),
    "soft_opt_in_without_sale": Words(
        "soft opt-in was claimed without the sale that it rests on", f"if there was one, {NEW_ROW} with its sale_ref"
    ),
}
"""By the reason that `JobBlocked` holds."""

PROVIDER_UNWELL = "look at the provider and, when it is well again, resume the job"

FAILED = {
    "outcome_unknown": Words(
        "the provider may have sent the message: it did not answer, honours no keys, and cannot be asked",
        "find out from the provider, then `dispatch job settle JOB --sent` or `--not-sent`",
    ),
    "timeout": Words("the provider did not answer in time", PROVIDER_UNWELL),
    "connection_refused": Words("the provider could not be reached", PROVIDER_UNWELL),
    "connection_lost": Words("the connection to the provider broke", PROVIDER_UNWELL),
    "server_error": Words("the provider failed", PROVIDER_UNWELL),
    "rate_limited": Words("the provider asked for fewer calls", PROVIDER_UNWELL),
    "garbage": Words("the provider's answer could not be understood", PROVIDER_UNWELL),
    "bad_credentials": Words(
        "the provider did not accept our key", "correct DISPATCH_PROVIDER_API_KEY, then resume the job"
    ),
    "receipt_pending": Words(
        "the message was taken, and its receipt did not come", "resume the job to ask for the receipt again"
    ),
    "receipt_missing": Words(
        "the message was taken, and its provider sent no receipt in time",
        "ask the provider by the message id; a receipt that still comes completes the job by itself",
    ),
    "not_delivered": Words(
        "the provider could not deliver the message",
        "resume the job to ask again; if the answer stays, reach the person in another way",
    ),
    "undeliverable": Words(
        "the e-mail address cannot be delivered to, and there is no phone number",
        f"cancel the job, and {NEW_ROW} with an address that works",
    ),
    "no_such_contact": Words(
        "the finder knows nobody under this reference",
        f"once the finder knows the person, resume the job; otherwise cancel it, and {NEW_ROW}",
    ),
    "no_such_mailbox": Words(
        "the notifier knows no such mailbox or number", f"cancel the job, and {NEW_ROW} with an address that works"
    ),
    "missing_required_fields": Words(
        "the job lacks a reference, a service, a name, or a way to reach the person; a company its name or website",
        f"cancel the job, and {NEW_ROW}",
    ),
    "nobody_reachable": Words(
        "nobody in the company's slots has an address that can be written to, and the row names nobody else",
        "look at its slots with `dispatch job show JOB`; once the finder knows somebody, have it go on at enrich_slots"
        f" with `dispatch failures reroute`, otherwise cancel it, and {NEW_ROW}",
    ),
    "nobody_left": Words(
        "the mailbox of everybody in the company's slots who could be written to was refused for good",
        f"put the job aside, and {NEW_ROW} with a contact whose address works",
    ),
    "company_numbers_exhausted": Words(
        "all 99999 numbers of companies are given out",
        "widen the sequence (docs/how_to/reach_companies.md), then resume the job",
    ),
    "company_number_taken": Words(
        "the sequence gave a number that another company has: somebody wrote into intake.company_numbers",
        "resume the job: it draws the next one",
    ),
    "price_not_positive": Words("the price is not above nothing", f"cancel the job, and {NEW_ROW}"),
    "stage_crashed": Words(
        "the stage itself broke on this job, which is a bug",
        "look for `stage.crashed` in the worker's log; when it is mended, resume the job",
    ),
}
"""By the error code that `StageFailed` and `JobEscalated` hold."""


def blocked(reason: str) -> Words:
    """Of a reason of `JobBlocked`."""
    return BLOCKED.get(reason, Words(f"the rule stands in the way: {reason}", "nothing may be sent"))


DEFERRED = {
    "receipt_awaited": Words(
        "the message was taken, and {0} has still time to send its receipt", "nothing: its receipt moves it on at once"
    ),
    "breaker_open": Words(
        "the provider {0} fails too often at present and is left alone for a while",
        "nothing: it is tried again by itself",
    ),
    "spend_cap": Words(
        "what may be spent on {0} in a day is spent",
        "raise its cap in the providers' file, or wait for the next day (UTC)",
    ),
    "rate_limited": Words("the limit of {0} is reached", "nothing: its turn comes by itself"),
    "bad_credentials": Words(
        "the provider {0} does not accept our key", "correct the key; the job is tried again by itself"
    ),
    "no_provider": Words(
        "no provider is declared for {0}", "declare one in the file that DISPATCH_PROVIDERS_FILE names"
    ),
    "paused": Words("{0} is paused", "resume it when it may go on"),
    "provider_paused": Words("the provider {0} was paused", "nothing; or `dispatch resume provider {0}`"),
}
"""By what stands before the colon in the reason that `StageDeferred` holds; behind it stands whom it concerns."""


def deferred(reason: str) -> Words:
    """Of a reason of `StageDeferred`."""
    code, _, whom = reason.partition(":")
    said = DEFERRED.get(code, Words(f"it was put off: {reason}", "nothing: it is tried again by itself"))
    return Words(said.why.format(whom or "the provider"), said.next.format(whom))


def failed(code: str) -> Words:
    """Of an error code; a provider may bring codes of its own."""
    return FAILED.get(code, Words(f"the provider said no: {code}", "mend the cause and resume the job, or cancel it"))
