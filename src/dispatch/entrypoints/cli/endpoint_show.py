"""`dispatch endpoint list`, `show` and `deliveries`."""

import rich_click as click
from rich.markup import escape

from dispatch.application.ports.webhooks import EndpointRow
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, out, print_json, print_lines, table
from dispatch.entrypoints.cli.words import age


@click.command("list")
@shared_options
@click.pass_obj
def list_endpoints(cli: Cli) -> None:
    """The endpoints, and what each is told of.

    \b
    Examples:
      dispatch endpoint list
      dispatch endpoint list --json | jq -r 'select(.status == "disabled") | .name'
    """
    with cli.open_app() as app:
        rows = app.endpoints.list_all()
    if cli.as_json:
        print_lines(rows)
        return
    shown = table("endpoint", "status", "url", "types")
    for row in rows:
        shown.add_row(row.name, row.status.value, escape(row.url), escape(", ".join(row.types)))
    out().print(shown)


@click.command()
@click.argument("name", metavar="NAME")
@shared_options
@click.pass_obj
def show(cli: Cli, name: str) -> None:
    """One endpoint: where it is, what it is told of, and why it is disabled.

    \b
    Examples:
      dispatch endpoint show crm
    """
    with cli.open_app() as app:
        row = app.endpoints.show(name)
    if cli.as_json:
        print_json(row)
        return
    out().print(facts(_facts(row)), soft_wrap=True)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@shared_options
@click.pass_obj
def deliveries(cli: Cli, name: str, limit: int) -> None:
    """The last attempts to send to it, the newest first.

    \b
    Examples:
      dispatch endpoint deliveries crm
      dispatch endpoint deliveries crm --limit 1000 --json | jq 'select(.error != "")'
    """
    with cli.open_app() as app:
        rows = app.endpoints.deliveries(name, limit=limit)
    if cli.as_json:
        print_lines(rows)
        return
    shown = table("message", "attempt", "at", "answer", "took", "message is")
    for row in rows:
        answer = row.error or str(row.http_status)
        style = "red" if row.error else None
        when = f"{age(row.at)} ago"
        shown.add_row(
            row.message_id, str(row.attempt), when, answer, f"{row.took_ms:,.0f} ms", row.message_status, style=style
        )
    out().print(shown)


def _facts(row: EndpointRow) -> dict[str, str]:
    known = {
        "name": row.name,
        "url": row.url,
        "status": row.status.value,
        "types": ", ".join(row.types),
        "batches": ", ".join(row.batches) or "all",
        "registered": f"{age(row.registered_at)} ago",
        "changed": f"{age(row.changed_at)} ago",
    }
    if row.disabled_reason:
        known["disabled because"] = row.disabled_reason
    return known
