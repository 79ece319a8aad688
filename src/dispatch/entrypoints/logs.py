"""Logs: JSON lines of facts, one per unit of work, without personal data."""

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog


def configure_logs(level: str, *, role: str, file: Path | None = None) -> None:
    """Send every log line of this process to a file, or to stderr."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    stream: TextIO = sys.stderr
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", buffering=1)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(stream=stream, level=max(number, logging.WARNING), force=True, format="%(name)s: %(message)s")
