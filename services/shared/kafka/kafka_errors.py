"""Errors of Kafka by kind: what a record can never outlive, what the configuration has to mend, what passes.

Whatever is in none of the tables is retried until it succeeds (DESIGN 3). A batch that cannot be read raises no error:
`unreadable_batches` makes it a record, which becomes a dead letter.
"""

from collections.abc import Iterable

import kafka.errors as kafka_python
from aiokafka import errors

from services.shared.runtime.errors import ConfigurationError


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]  # the library has no types
    """The broker's verdict on a record that it can never store, such as one without a key on a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"


# The library knows no such code; without this it would report the same as for an error of the broker's own.
errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)


class PartitionCountChangedError(errors.KafkaError):  # type: ignore[misc]  # the library has no types
    """A topic has another number of partitions than this service was set up for."""


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
    PartitionCountChangedError: "was set up for another number of partitions, by which keys would leave their order: "
    "follow docs/partitions.md, or set DUBAN_KAFKA_PARTITIONS to what the topics were created with",
    errors.InvalidRequiredAcksError: "asks for acknowledgements that the broker does not give",
}
"""Errors that only a person can mend, each as the end of a sentence that begins with the producer."""


_LET_IN = "was not let in: look at DUBAN_KAFKA_SASL_USERNAME and DUBAN_KAFKA_SASL_PASSWORD"
_MECHANISM = "uses a SASL mechanism that the broker does not know: look at DUBAN_KAFKA_SASL_MECHANISM"
_READ = "is not allowed to read them: give its user the rights `read` and `describe` on these topics"
_JOIN = "is not allowed in its consumer group: give its user the right `read` on the group"
_NEWER = "speaks another protocol than the broker: upgrade the broker"

READING_ERRORS: dict[type[Exception], str] = {
    errors.TopicAuthorizationFailedError: _READ,
    kafka_python.TopicAuthorizationFailedError: _READ,
    errors.GroupAuthorizationFailedError: _JOIN,
    kafka_python.GroupAuthorizationFailedError: _JOIN,
    errors.SaslAuthenticationFailed: _LET_IN,
    errors.AuthenticationFailedError: _LET_IN,
    kafka_python.SaslAuthenticationFailedError: _LET_IN,
    errors.UnsupportedSaslMechanismError: _MECHANISM,
    kafka_python.UnsupportedSaslMechanismError: _MECHANISM,
    errors.UnsupportedVersionError: _NEWER,
    kafka_python.UnsupportedVersionError: _NEWER,
    errors.IncompatibleBrokerVersion: _NEWER,
    kafka_python.IncompatibleBrokerVersion: _NEWER,
    errors.InconsistentGroupProtocolError: "shares its consumer group with another program: end that program",
    kafka_python.InconsistentGroupProtocolError: "shares its consumer group with another program: end that program",
    kafka_python.GroupMaxSizeReachedError: "finds its consumer group full: raise group.max.size of the broker",
}
"""Errors of consumers of both libraries that only a person can mend; sentences as in `CONFIGURATION_ERRORS`."""


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


def reading_error(error: BaseException | None, client: str, topics: Iterable[str]) -> ConfigurationError | None:
    """Return the error with which a consumer has to stop; None where it has to wait."""
    sentence = READING_ERRORS.get(type(error)) if isinstance(error, Exception) else None
    if sentence is None:
        return None
    names = ", ".join(sorted(set(topics)))
    return ConfigurationError(f"reading {names} failed ({type(error).__name__}): {client} {sentence}")


def missing_topics(client: str, topics: Iterable[str]) -> ConfigurationError:
    """Return the error with which a consumer has to stop when the broker shows it none of these topics."""
    names = ", ".join(sorted(set(topics)))
    return ConfigurationError(
        f"{client} cannot read {names}: they do not exist, or its user may not see them; "
        "run `duban topics create`, or give its user the right `describe`"
    )
