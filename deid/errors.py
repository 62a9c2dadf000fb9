"""Every error that deid raises on purpose.

DeidError                        message fit to show a clerk (Chinese); never holds cell content
├─ PatternError(ValueError)      a file under patterns/ breaks its format; says file and key
├─ UnknownPolicy(LookupError)    names the policies there are
├─ UnknownKind(LookupError)      no field and no entity of that name, or no such column
├─ UnsupportedFormat(ValueError) names the extension, and the extra to install if that is all
├─ UnreadableFile(ValueError)    encrypted, damaged, over a limit or not what its name says
├─ FrameFault(TypeError)         no DataFrame, or one with cells that cannot be judged
├─ RecognizerFault(ValueError)   a caller's own recognizer failed, or points outside the text
├─ UnsafeEdit(ValueError)        a place that cannot be changed without breaking the file
└─ LeftOver                      verification found what the policy hides; carries the report
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deid.model import FileReport


class DeidError(Exception):
    """A fault whose message may be shown to a clerk as it is."""


class PatternError(DeidError, ValueError):
    """A file under ``patterns/`` (or a policy of the user's own) breaks its format."""


class UnknownPolicy(DeidError, LookupError):
    """No policy of that name."""


class UnknownKind(DeidError, LookupError):
    """No field and no entity of that name, or no such column, for what a person said of a column."""


class UnsupportedFormat(DeidError, ValueError):
    """The format is not one that deid can edit and verify."""


class UnreadableFile(DeidError, ValueError):
    """The file cannot be read: encrypted, damaged, over a limit, or not what its name says."""


class FrameFault(DeidError, TypeError):
    """What was given is no DataFrame, or has cells that cannot be judged (bytes, lists)."""


class RecognizerFault(DeidError, ValueError):
    """A recognizer that the caller brought raised, or gave a place outside the text."""


class UnsafeEdit(DeidError, ValueError):
    """The format has no safe way to change that place."""


class LeftOver(DeidError):
    """The output still held what the policy hides, so it was not written."""

    def __init__(self, message: str, report: FileReport) -> None:
        super().__init__(message)
        self.report = report
