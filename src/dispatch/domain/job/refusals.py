"""What stands in the way of a command to a job."""

from dispatch.domain.errors import DomainError


class JobUnknown(DomainError):
    """No job was opened under this id."""

    code = "job_unknown"


class RouteEmpty(DomainError):
    """A job needs a route of at least one stage."""

    code = "route_empty"


class RouteRepeatsStage(DomainError):
    """A stage stands in a route once: a job that came back to it would go round for ever."""

    code = "route_repeats_stage"


class JobNotEscalated(DomainError):
    """Only an escalated job can be resumed."""

    code = "job_not_escalated"


class JobAlreadySent(DomainError):
    """What was sent cannot be cancelled."""

    code = "job_already_sent"


class JobAlreadyEnded(DomainError):
    """A job that has ended stays as it ended."""

    code = "job_already_ended"


class StageNotInRoute(DomainError):
    """A job can only go on at a stage of its own route."""

    code = "stage_not_in_route"


class StageNotSkippable(DomainError):
    """The consent gate and the sending cannot be skipped: the job has to pass them itself."""

    code = "stage_not_skippable"
