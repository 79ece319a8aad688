"""`dispatch profile`: what kinds of file can be taken in, and making one of your own."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli.profile_commands"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}:list_profiles", "The profiles at hand, every version."),
        "show": (f"{HERE}:show", "One profile as the TOML that it is."),
        "infer": (f"{HERE}:infer", "Propose a profile from a file."),
        "check": (f"{HERE}:check", "Say whether this file can be used as a profile."),
    },
)
def profile() -> None:
    """Profiles say what a kind of file must hold: columns, kinds, rules, route. They are data, in TOML.

    \b
    Examples:
      dispatch profile list
      dispatch profile show service-job
      dispatch profile infer leads.csv --name leads --out profiles/leads.1.toml
      dispatch profile check profiles/leads.1.toml
    """
