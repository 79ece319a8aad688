"""What stands in the way of a command on a job."""

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


class JobAlreadyEnded(DomainError):
    """A job that has ended stays as it ended."""

    code = "job_already_ended"


class JobNotEscalated(DomainError):
    """Only a job that is before people can be sent on, given to somebody, or put aside."""

    code = "job_not_escalated"


class JobAlreadySent(DomainError):
    """What was sent, or may have been, cannot be cancelled, nor go back to before it was sent."""

    code = "job_already_sent"


class OutcomeInDoubt(DomainError):
    """A provider may have acted: whether it did must be said before the job goes on."""

    code = "outcome_in_doubt"


class NothingInDoubt(DomainError):
    """The job was not given up because an outcome was unknown."""

    code = "nothing_in_doubt"


class SnoozeInThePast(DomainError):
    """A job can be put off to a later time only."""

    code = "snooze_in_the_past"


class ScheduledInThePast(DomainError):
    """The time for which it is scheduled has gone by: to send it now could be what nobody wants."""

    code = "scheduled_in_the_past"


class ScheduledTooFarAhead(DomainError):
    """The time for which it is scheduled is too far away for its lawful basis to be known."""

    code = "scheduled_too_far_ahead"


class MessageNotSent(DomainError):
    """The job has sent no such message, or it is not recorded yet that it has."""

    code = "message_not_sent"


class MessageOfAnotherProvider(DomainError):
    """A provider can say what became of its own messages only."""

    code = "message_of_another_provider"


class StageNotInRoute(DomainError):
    """A job can only go on at a stage of its own route."""

    code = "stage_not_in_route"


class StageNotSkippable(DomainError):
    """The consent gate and the sending cannot be skipped: the job has to pass them itself."""

    code = "stage_not_skippable"
