"""`dispatch job`: single jobs."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}.job_list:list_jobs", "Jobs, in the order in which they were opened."),
        "show": (f"{HERE}.job_show:show", "One job and everything that has happened to it."),
        "why": (f"{HERE}.job_why:why", "Which rule and which events put it where it is, and what next."),
        "resume": (f"{HERE}.job_desk:resume", "Send an escalated job on."),
        "settle": (f"{HERE}.job_desk:settle", "Say whether a message was sent, where nobody knew."),
        "cancel": (f"{HERE}.job_desk:cancel", "End a job that was not sent yet."),
    },
)
def job() -> None:
    """See single jobs, send them on, or end them.

    JOB is an id, a unique beginning of one, or BATCH:ROW: the job of a data row, as the tables write it.

    \b
    Examples:
      dispatch job list --status escalated
      dispatch job show 3f2b8c1e:7
      dispatch job why 3f2b8c1e:7
      dispatch job resume 3f2b8c1e:7
      dispatch job cancel 3f2b8c1e:7 --reason "customer moved"
    """
