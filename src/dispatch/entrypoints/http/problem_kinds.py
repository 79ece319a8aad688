"""Every problem that the API can answer with: its code, its HTTP status, and its title. Codes are public and stable."""

from typing import NamedTuple


class Kind(NamedTuple):
    """What all occurrences of a problem have in common (RFC 9457, section 3.1)."""

    status: int
    title: str


KINDS: dict[str, Kind] = {
    # The request itself.
    "request_invalid": Kind(400, "The request cannot be understood"),
    "cursor_invalid": Kind(400, "The cursor is not one of ours"),
    "multipart_malformed": Kind(400, "The form is not valid multipart/form-data"),
    "upload_broken_off": Kind(400, "The upload broke off"),
    "file_field_missing": Kind(400, "The form holds no file"),
    "field_invalid": Kind(400, "A field of the form cannot be used"),
    "signature_invalid": Kind(401, "The signature is not valid"),
    "signature_stale": Kind(401, "The signature is too old"),
    "cross_site_request": Kind(403, "Another site may not act here"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "The resource does not know this method"),
    "content_type_unsupported": Kind(415, "The content type is not supported"),
    "profile_unknown": Kind(422, "There is no such profile"),
    "too_many_requests": Kind(429, "Too many requests"),
    "too_many_streams": Kind(429, "Too many live streams are open"),
    # The server.
    "internal_error": Kind(500, "Something broke in dispatch"),
    "ledger_unavailable": Kind(503, "The database does not answer"),
    "not_ready": Kind(503, "Something that dispatch needs is not well"),
    "shutting_down": Kind(503, "This server is shutting down"),
    # A file that cannot be taken: nothing of it was recorded.
    "file_too_large": Kind(413, "The file is too large"),
    "file_empty": Kind(422, "The file is empty"),
    "no_rows": Kind(422, "The file has no rows"),
    "header_missing": Kind(422, "The file has no header"),
    "delimiter_unknown": Kind(422, "The delimiter is not known"),
    "columns_missing": Kind(422, "Columns are missing"),
    "columns_duplicated": Kind(422, "A column is there twice"),
    "encoding_not_utf8": Kind(422, "The file is not UTF-8"),
    "nul_byte": Kind(422, "The file is not text"),
    "line_too_long": Kind(422, "A line is too long"),
    "field_too_long": Kind(422, "A value is too long"),
    "quote_unclosed": Kind(422, "A quote is never closed"),
    "quote_misplaced": Kind(422, "A quote is in the wrong place"),
    "csv_malformed": Kind(422, "The file is not CSV"),
    "json_malformed": Kind(422, "The file is not rows in JSON"),
    "json_too_large": Kind(413, "The array of rows is too large"),
    "workbook_unreadable": Kind(422, "The workbook cannot be read"),
    "workbook_too_large": Kind(413, "The workbook unpacks to too much"),
    "file_missing": Kind(422, "There is no such file"),
    "file_is_directory": Kind(422, "This is a folder"),
    "file_unreadable": Kind(422, "The file cannot be read"),
    "file_gone": Kind(410, "The received file is kept no more"),
    "row_column_missing": Kind(422, "The row numbers are missing"),
    "row_number_invalid": Kind(422, "A row number is missing or no number"),
    "row_number_repeated": Kind(422, "A row is there twice"),
    "row_cells_surplus": Kind(422, "A row has more cells than the header"),
    "column_not_in_file": Kind(422, "The batch's own file has no such column"),
    # A rule that stands in the way of a command: the codes of `DomainError`.
    "error_threshold_out_of_range": Kind(422, "The error budget is not a per cent from 0 to 100"),
    "batch_unknown": Kind(404, "There is no such batch"),
    "batch_not_judged": Kind(409, "The batch is not judged yet"),
    "batch_has_open_jobs": Kind(409, "The batch has open jobs"),
    "batch_not_awaiting_approval": Kind(409, "The batch does not wait for approval"),
    "approver_brought_it": Kind(403, "Whoever brought the file may not approve it"),
    "batch_taken_in": Kind(409, "The batch is taken in already"),
    "batch_busy": Kind(409, "The batch is being taken in or taken back"),
    "batch_whole": Kind(409, "No row of the batch is refused"),
    "batch_has_jobs": Kind(409, "Rows of the batch are jobs"),
    "batch_taken_back": Kind(409, "The import was undone"),
    "batch_unreadable": Kind(409, "The rows of the batch cannot be told apart"),
    "nothing_to_undo": Kind(409, "Nothing of the batch was admitted"),
    "job_unknown": Kind(404, "There is no such job"),
    "job_not_yet_opened": Kind(404, "The job was not opened yet at that time"),
    "job_not_escalated": Kind(409, "The job is not escalated"),
    "job_already_sent": Kind(409, "The job was sent already"),
    "job_already_ended": Kind(409, "The job has ended"),
    "contact_unknown": Kind(404, "Nothing that can be read is known of this address"),
    "address_invalid": Kind(422, "This is no address"),
    "reason_missing": Kind(422, "A reason is missing"),
    "route_empty": Kind(422, "The route is empty"),
    "route_repeats_stage": Kind(422, "The route repeats a stage"),
    "source_unknown": Kind(404, "There is no such source"),
    "source_exists": Kind(409, "There is another source of this name"),
    "source_paused": Kind(409, "The source is paused"),
    "source_name_invalid": Kind(422, "This is no name for a source"),
    "source_interval_invalid": Kind(422, "This is no interval for a source"),
    "source_location_invalid": Kind(422, "No source of this kind can be there"),
    "endpoint_unknown": Kind(404, "There is no such endpoint"),
    "endpoint_exists": Kind(409, "There is another endpoint of this name"),
    "endpoint_name_invalid": Kind(422, "This is no name for an endpoint"),
    "endpoint_filter_invalid": Kind(422, "This is no filter for an endpoint"),
    "endpoint_url_invalid": Kind(422, "Webhooks cannot be sent to this address"),
    "replay_in_future": Kind(422, "A replay cannot begin in the future"),
    "version_conflict": Kind(409, "Others changed this at the same time"),
}

FIXES = {
    "batch_not_awaiting_approval": "what waits is listed by GET /v1/batches?status=awaiting_approval",
    "approver_brought_it": "let somebody else approve it, under another `by`",
    "batch_taken_in": "its rows are jobs already: see GET /v1/jobs?batch_id=",
    "reason_missing": "say why in `reason`, without personal data",
}
"""What to do about a rule that stands in the way, where the rule alone does not say it."""

BY_STATUS = {
    400: "request_invalid",
    401: "signature_invalid",
    403: "cross_site_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "file_too_large",
    415: "content_type_unsupported",
    429: "too_many_requests",
    503: "ledger_unavailable",
}
"""What an error of the framework is called; any other 4xx is `request_invalid`, any other 5xx `internal_error`."""
