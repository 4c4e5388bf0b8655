"""Errors that tell the runner what to do: dead-letter, try again, decide again, or stop."""

from collections.abc import Mapping


class DubanError(Exception):
    """Base of all errors raised on purpose; the docstring of a class is its default message."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or type(self).__name__).strip().splitlines()[0]


class InvalidMessage(DubanError):
    """The record cannot be used; it goes to dead-letters and the batch goes on.

    Attributes:
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        field: path of the field at fault, if one is.
        sender: who sent the record, for the bound of dead letters.

    """

    def __init__(self, reason: str, message: str, *, field: str | None = None, sender: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.sender = sender


class Retryable(DubanError):
    """Something we depend on is away; the same work will succeed later."""


class LostRace(DubanError):
    """Another owner changed the same rows first: read again and decide again."""


class DeadLetterBound(DubanError):
    """Too many dead letters of one sender within an hour: stop rather than drain a topic away."""


class ConfigurationError(DubanError):
    """The service cannot start as it is configured."""


class Problem(DubanError):
    """A request that cannot be served, as an RFC 9457 problem document.

    Attributes:
        status: HTTP status.
        title: short summary for a person.
        errors: (field, reason, what to do) for every field at fault.

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
        """Return the problem of one field, or of one header."""
        fault = {"field": field, "reason": reason, "detail": what_to_do}
        return cls(status, title, what_to_do, errors=(fault,), headers=headers)

    @property
    def reason(self) -> str:
        """The first fault's reason, by which problems are counted; empty when no field is at fault."""
        return self.errors[0]["reason"] if self.errors else ""
