"""`dispatch contact erase`: a person's right to be forgotten (UK GDPR, article 17)."""

import rich_click as click

from dispatch.entrypoints.cli.context import Cli, who
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, notes, out, print_json


@click.command()
@click.option("--phone", metavar="NUMBER", help="A UK phone number, in any usual form.")
@click.option("--email", metavar="ADDRESS", help="An e-mail address.")
@click.option("--device", metavar="TOKEN", help="The token of a device that messages are pushed to.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept in the ledger, so no personal data.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@shared_options
@click.pass_obj
def erase(
    cli: Cli, phone: str | None, email: str | None, device: str | None, reason: str, dry_run: bool, yes: bool
) -> None:
    """Destroy the keys of what is known of the person behind an address. Nobody can undo it, we cannot either.

    Every job that was brought for the address is found, through all batches. Its person can no longer be read in
    the ledger, open jobs end, received files that named the person are removed, and the erasure itself is an event.
    `dispatch ledger verify` passes as before: what was recorded stays, unreadable. Doing it twice changes nothing.
    Copies of keys in backups die with the next `dispatch privacy rotate-key`.

    \b
    Examples:
      dispatch contact erase --phone "07700 900123" --reason "letter of 27 November" --dry-run
      dispatch contact erase --email jo@example.org --reason "request 4711" --yes --json
    """
    from dispatch.application.erase import read_address
    from dispatch.application.ports.privacy import AddressKind

    options = {AddressKind.PHONE: phone, AddressKind.EMAIL: email, AddressKind.DEVICE: device}
    given = [(kind, text) for kind, text in options.items() if text is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --phone, --email and --device")
    address = read_address(*given[0])
    with cli.open_app() as app:
        erasure = app.erase.preview(address)
        if not dry_run:
            if erasure.jobs and not yes:
                question = f"Destroy what {len(erasure.jobs)} job(s) know of this person? Nobody can undo it"
                click.confirm(question, abort=True, err=True)
            erasure = app.erase(address, reason, who())
    if cli.as_json:
        print_json({"dry_run": dry_run, "erasure": erasure})
        return
    title = "would be unreadable" if dry_run else "unreadable now"
    shown = {
        "contact": erasure.contact_id,
        title: f"the person of {len(erasure.jobs)} job(s)",
        "jobs cancelled": str(len(erasure.cancelled)),
        "files removed": str(len(erasure.files_removed)),
    }
    out().print(facts(shown), soft_wrap=True)
    if erasure.files_needed:
        notes().print(
            f"{len(erasure.files_needed)} file(s) are still being read in: run this again when they are done."
        )
