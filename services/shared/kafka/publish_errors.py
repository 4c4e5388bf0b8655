"""Errors of publishing by kind: what a record can never outlive, what the configuration has to mend, what passes.

Whatever is in neither table is retried until it succeeds (DESIGN 3).
"""

from collections.abc import Iterable

from aiokafka import errors

from services.shared.runtime.errors import ConfigurationError


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]  # the library has no types
    """The broker's verdict on a record that it can never store, such as one without a key on a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"


# The library knows no such code; without this it would report the same as for an error of the broker's own.
errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)

TOO_LARGE = "too_large"
NOT_PUBLISHED = "not_published"
MAX_UNKNOWN_TOPIC = 3
"""Consecutive failures, ten seconds each, after which a topic that the broker does not know counts as missing."""

RECORD_ERRORS: dict[type[Exception], tuple[str, str]] = {
    errors.MessageSizeTooLargeError: (TOO_LARGE, "the record is larger than the topic takes"),
    errors.RecordListTooLargeError: (TOO_LARGE, "the record is larger than a segment of the topic"),
    errors.RecordTooLargeError: (TOO_LARGE, "the record is larger than the client sends"),
    errors.InvalidMessageError: (NOT_PUBLISHED, "the broker found the record corrupt"),
    errors.CorruptRecordException: (NOT_PUBLISHED, "the broker found the record corrupt"),
    errors.InvalidTimestampError: (NOT_PUBLISHED, "the broker does not take the record's timestamp"),
    InvalidRecordError: (NOT_PUBLISHED, "the broker does not take such a record on this topic"),
}
"""Errors that a record causes by itself: reason of its dead letter, and a sentence."""

CONFIGURATION_ERRORS: dict[type[Exception], str] = {
    errors.TopicAuthorizationFailedError: "is not allowed to write to it: give its user the right `write`",
    errors.ClusterAuthorizationFailedError: "is not allowed to write idempotently: give its user `write` on the topic",
    errors.TransactionalIdAuthorizationFailed: "is not allowed to write idempotently: give its user the right",
    errors.SaslAuthenticationFailed: "was not let in: look at DUBAN_KAFKA_SASL_USERNAME and DUBAN_KAFKA_SASL_PASSWORD",
    errors.UnsupportedSaslMechanismError: "uses a SASL mechanism that the broker does not know",
    errors.UnsupportedCodecError: "uses a compression that this installation lacks: install zstandard",
    errors.UnsupportedForMessageFormatError: "needs a newer message format: raise the topic's message.format.version",
    errors.UnsupportedVersionError: "speaks a newer protocol than the broker: upgrade the broker",
    errors.IncompatibleBrokerVersion: "speaks a newer protocol than the broker: upgrade the broker",
    errors.InvalidTopicError: "uses a name that the broker does not take: look at schemas/topics.toml",
    errors.PolicyViolationError: "breaks a policy of the broker: ask its administrator",
    errors.InvalidRequiredAcksError: "asks for acknowledgements that the broker does not give",
}
"""Errors that only a person can mend, each as the end of a sentence that begins with the producer."""


def record_error(error: BaseException | None) -> tuple[str, str]:
    """Return the reason of the dead letter that an error of `RECORD_ERRORS` makes, and a sentence."""
    return next(found for kind, found in RECORD_ERRORS.items() if isinstance(error, kind))


def configuration_error(error: BaseException | None, client: str, topics: Iterable[str]) -> ConfigurationError | None:
    """Return the error with which the service has to stop; None where waiting or a dead letter is the answer."""
    sentence = CONFIGURATION_ERRORS.get(type(error)) if isinstance(error, Exception) else None
    if sentence is None:
        return None
    names = ", ".join(sorted(set(topics)))
    return ConfigurationError(f"publishing to {names} failed ({type(error).__name__}): {client} {sentence}")


def missing_topic(client: str, topics: Iterable[str]) -> ConfigurationError:
    """Return the error with which the service has to stop when the broker does not know a topic."""
    names = ", ".join(sorted(set(topics)))
    return ConfigurationError(f"{client} cannot publish: one of {names} does not exist; run `duban topics create`")
