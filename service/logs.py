"""The log: one JSON line an event, and never what somebody had masked.

Records of ours are written as they are: they hold no content. Those of the server and of libraries
are told by level, place and kind of error: their messages and tracebacks may quote anything.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback


class Reserved(logging.Formatter):
    """Messages of ours and of the server; of all others only where they come from."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name.startswith("deid"):
            return record.getMessage()
        told: dict[str, object] = {
            "event": "log",
            "logger": record.name,
            "level": record.levelname.lower(),
            "at": f"{record.filename}:{record.lineno}",
        }
        if record.exc_info and record.exc_info[0]:
            told["kind"] = record.exc_info[0].__name__
            places = traceback.extract_tb(record.exc_info[2])[-3:]
            told["from"] = [f"{place.filename}:{place.lineno}" for place in places]
        elif record.name.startswith("uvicorn"):
            told["message"] = record.getMessage()
        return json.dumps(told)


def set_up() -> None:
    """Send every record of this process through ``Reserved``, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Reserved())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("deid").setLevel(logging.INFO)
    logging.captureWarnings(True)
