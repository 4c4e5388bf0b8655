"""The errors of this system. Each tells the service runner what to do: dead-letter, retry, start over, or stop."""

from collections.abc import Mapping


class DubanError(Exception):
    """Base class of all errors raised on purpose; the first line of a class docstring is its default message."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or type(self).__name__).strip().splitlines()[0]


class InvalidMessage(DubanError):
    """The record cannot be used: it becomes a dead letter, and the rest of its batch is processed.

    Attributes:
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        field: path of the invalid field; None when no single field is to blame.
        sender: who sent the record, who is barred when there are too many.

    """

    def __init__(self, reason: str, message: str, *, field: str | None = None, sender: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.sender = sender


class Retryable(DubanError):
    """A dependency is unavailable; the same work will succeed later."""


class LostRace(DubanError):
    """Another owner changed the same rows first: load them again and decide again."""


class TooManyBugs(DubanError):
    """Our own code failed on too many records in a short time: stop before a whole topic becomes dead letters."""


class ConfigurationError(DubanError):
    """The service cannot start with its configuration."""


class Problem(DubanError):
    """A request that cannot be served; becomes an RFC 9457 problem document.

    Attributes:
        status: HTTP status.
        title: short summary for a person.
        detail: what happened and what to do, for a person.
        errors: field, reason and detail for every invalid field.
        headers: additional HTTP headers of the response.

    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        errors: tuple[Mapping[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    @classmethod
    def about(
        cls,
        status: int,
        title: str,
        *,
        field: str,
        reason: str,
        what_to_do: str,
        headers: Mapping[str, str] | None = None,
    ) -> "Problem":
        """Return the problem of one invalid field or header; `what_to_do` is also its detail."""
        fault = {"field": field, "reason": reason, "detail": what_to_do}
        return cls(status, title, what_to_do, errors=(fault,), headers=headers)

    @property
    def reason(self) -> str:
        """The reason of the first invalid field, by which problems are counted; empty when there is none."""
        return self.errors[0]["reason"] if self.errors else ""
