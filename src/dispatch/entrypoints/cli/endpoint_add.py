"""`dispatch endpoint add` and `rotate`: the two commands that show a secret."""

import rich_click as click

from dispatch.application.webhooks.desk import OVERLAP_HOURS, OVERLAP_HOURS_MAX, NewEndpoint
from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--url", metavar="URL", required=True, help="An https address.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="job.delivered, job.*, batch.* and so on; all.")
@click.option("--batch", "batches", metavar="ID", multiple=True, help="Only of this batch, by its whole id.")
@shared_options
@click.pass_obj
def add(cli: Cli, name: str, url: str, types: tuple[str, ...], batches: tuple[str, ...]) -> None:
    """Send signed webhooks to an address from now on. The secret is shown once. Adding it twice changes nothing.

    \b
    Examples:
      dispatch endpoint add crm --url https://crm.example.com/hooks
      dispatch endpoint add crm --url https://crm.example.com/hooks --type job.delivered --type batch.closed
      dispatch endpoint add crm --url https://crm.example.com/hooks --json | jq -r .secret
    """
    with cli.open_app() as app:
        new = NewEndpoint(name=name, url=url, types=types or ("*",), batches=batches)
        secret = app.endpoints.register(new, who())
        row = app.endpoints.show(name)
    if cli.as_json:
        print_json({"recorded": bool(secret), "endpoint": row, "secret": secret})
    elif secret:
        out().print(f"Endpoint {name} is told from now on. Its secret, shown only now:\n{secret}", markup=False)
    else:
        out().print(f"Endpoint {name} was added before, just so. Nothing was done.", markup=False)


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, OVERLAP_HOURS_MAX),
    default=OVERLAP_HOURS,
    show_default=True,
    help="So long the old secret signs too.",
)
@shared_options
@click.pass_obj
def rotate(cli: Cli, name: str, overlap_hours: float) -> None:
    """Sign under a new secret, shown once; the one in use signs beside it for a while.

    \b
    Examples:
      dispatch endpoint rotate crm
      dispatch endpoint rotate crm --overlap-hours 0
    """
    with cli.open_app() as app:
        secret = app.endpoints.rotate(name, who(), overlap_hours)
    if cli.as_json:
        print_json({"name": name, "secret": secret, "overlap_hours": overlap_hours})
    else:
        out().print(f"Endpoint {name} has a new secret, shown only now:\n{secret}", markup=False)
