"""Structured logs: one JSON object a line, with service, ticket and event ids, never names, numbers or message text."""

import logging
import sys

import structlog

Logger = structlog.stdlib.BoundLogger


def configure(service: str, level: str) -> None:
    """Send every log line of this process, our own and the libraries', to stdout as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
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
    # The broker being away is one line of ours with its reason, not thousands of the client's.
    for noisy in ("kafka", "aiokafka", "faust", "mode", "yoyo", "httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy in {"kafka", "aiokafka"} else logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def get(name: str) -> Logger:
    """Return a logger."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger
