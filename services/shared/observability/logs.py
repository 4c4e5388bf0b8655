"""Structured logs: a JSON object per line with service, ticket and event ids, never names, numbers or message text."""

import logging
import sys
import traceback
from pathlib import Path

import structlog
from structlog.typing import EventDict

Logger = structlog.typing.FilteringBoundLogger


def configure(service: str, level: str) -> None:
    """Send every log line of this process, our own and the libraries', to stdout as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Lines below the level cost nothing: services log at debug where every microsecond counts.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # An unavailable broker is one line of ours with the reason, not thousands of the client's.
    for noisy in ("kafka", "aiokafka", "faust", "mode", "yoyo", "httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy in {"kafka", "aiokafka"} else logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def error_location(error: BaseException) -> str:
    """Return an error's type and where it was raised, without its text, which may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error).__name__ + (f" at {_format_frame(frames[-1])}" if frames else "")


def _format_frame(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


def _add_trace(_: object, __: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the frames of the error and of its causes; an error's text is never logged."""
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    trace: list[str] = []
    while isinstance(error, BaseException):
        trace.append(type(error).__name__)
        trace += [_format_frame(frame) for frame in traceback.extract_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    if trace:
        event["trace"] = trace
    return event


def get(name: str) -> Logger:
    """Return the logger of a module."""
    logger: Logger = structlog.get_logger(name)
    return logger
