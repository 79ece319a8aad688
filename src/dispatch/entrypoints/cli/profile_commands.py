"""The verbs of `dispatch profile`."""

from pathlib import Path

import msgspec
import rich_click as click

from dispatch.application.intake.infer import Guess, Proposal
from dispatch.application.intake.infer import infer as propose
from dispatch.application.intake.profiles import SHELF, ProfileInvalid, profile_named
from dispatch.application.intake.profiles.reading import read_profile
from dispatch.application.intake.profiles.writing import write_profile
from dispatch.application.intake.sample import read_sample
from dispatch.application.intake.source import open_source
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.errors import Refused
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_json, print_lines, table


def _open_shelf(cli: Cli) -> None:
    if folder := cli.load().settings.profiles_folder:
        try:
            SHELF.add(Path(folder))
        except ProfileInvalid as error:
            raise _invalid(error) from None


@click.command("list")
@shared_options
@click.pass_obj
def list_profiles(cli: Cli) -> None:
    """The profiles at hand, every version: those that come with dispatch and those of DISPATCH_PROFILES_FOLDER.

    \b
    Examples:
      dispatch profile list
      dispatch profile list --json | jq -r .name
    """
    _open_shelf(cli)
    profiles = SHELF.all()
    if cli.as_json:
        print_lines(profiles)
        return
    shown = table("profile", "version", "columns", "required", "natural key", "route", right=("version", "columns"))
    for one in profiles:
        required = ", ".join(column.name for column in one.columns if column.required)
        shown.add_row(one.name, str(one.version), str(len(one.columns)), required, one.natural_key, " ".join(one.route))
    out().print(shown)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--version", type=click.IntRange(1), metavar="N", help="This version, not the newest.")
@shared_options
@click.pass_obj
def show(cli: Cli, name: str, version: int | None) -> None:
    """One profile as the TOML that it is, the newest version unless another is asked for.

    \b
    Examples:
      dispatch profile show service-job
      dispatch profile show service-job --version 1 --json | jq '.columns[].name'
    """
    _open_shelf(cli)
    found = profile_named(name, version)
    if cli.as_json:
        print_json(found)
    else:
        click.echo(write_profile(found), nl=False)


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--name", metavar="NAME", default="inferred", show_default=True, help="Of the profile.")
@click.option("--out", "target", metavar="FILE", help="Write it there: NAME.1.toml in a folder of profiles.")
@shared_options
@click.pass_obj
def infer(cli: Cli, file: str, name: str, target: str | None) -> None:
    """Propose a profile from the first rows of a file: each column's kind by what fits its values, and why.

    No value of the file is written but the choices of columns that hold few different ones and name nobody. Look it
    over before you use it.

    \b
    Examples:
      dispatch profile infer leads.csv
      dispatch profile infer leads.xlsx --name leads --out profiles/leads.1.toml
    """
    _open_shelf(cli)
    with open_source(file):
        sample = read_sample(Path(file))
    try:
        proposal = propose(sample, name)
    except (ValueError, msgspec.ValidationError) as error:
        raise Refused("profile_not_inferred", str(error), file, "add what is missing, or write it by hand") from None
    if target is not None:
        Path(target).write_text(_text(proposal), encoding="utf-8")
    if cli.as_json:
        print_json(proposal)
    elif target is None:
        click.echo(_text(proposal), nl=False)
    else:
        notes().print(f"Wrote {target}; check it: dispatch profile check {target}", markup=False, soft_wrap=True)


@click.command()
@click.argument("file", metavar="FILE")
@shared_options
@click.pass_obj
def check(cli: Cli, file: str) -> None:
    """Say whether this file can be used as a profile; if not, where it is wrong, and why.

    \b
    Examples:
      dispatch profile check profiles/leads.1.toml
    """
    with open_source(file):
        try:
            found = read_profile(Path(file))
        except ProfileInvalid as error:
            raise _invalid(error) from None
    if cli.as_json:
        print_json(found)
    else:
        out().print(f"{found.name}, version {found.version}: {len(found.columns)} columns; it can be used.")


def _invalid(error: ProfileInvalid) -> Refused:
    where = f"{error.file}, {error.where}" if error.where else error.file
    return Refused("profile_invalid", error.what, where, "see docs/how_to/write_a_profile.md")


def _text(proposal: Proposal) -> str:
    remarks = {guess.column.name: _remark(guess, proposal.rows) for guess in proposal.guesses}
    top = f"Proposed from {proposal.rows:,} rows. Columns that tell each row from every other: "
    top += ", ".join(proposal.natural_keys) + ".\nLook it over: what is personal, what is required, where values go."
    return write_profile(proposal.profile, {"": top, **remarks})


def _remark(guess: Guess, rows: int) -> str:
    known = f"; known from {guess.known_as}" if guess.known_as else ""
    told = f"{guess.fitting:,} of {guess.filled:,} values fit ({guess.confidence:.0%}), {guess.distinct:,} different"
    empty = f"; {rows - guess.filled:,} empty" if guess.filled < rows else ""
    return f"{told}{empty}{known}"
