"""The errors that neumat raises.

    NeumatError
    ├── InputError        a file, folder or argument that cannot be used as it is
    │   └── VersionError  a file written by a newer neumat
    ├── OutputError       a result that cannot be written
    ├── MissingExtra      an optional package that is not installed
    ├── CompilerError     a shader or C++ compiler that is missing, failed or ran out of time
    └── DeviceError       a device that is missing or too small

Every message says what is wrong, where, and what to do, in one or two lines. The command line prints it and
leaves with `exit_code`; it never shows a traceback for one of these.
"""

from __future__ import annotations


class NeumatError(Exception):
    """Base of every error that neumat raises on purpose."""

    exit_code = 2


class InputError(NeumatError):
    """A file, a folder or an argument cannot be used as it is."""


class VersionError(InputError):
    """A file was written by a newer version of neumat than this one."""


class OutputError(NeumatError):
    """A result cannot be written where it was asked for."""


class MissingExtra(NeumatError):
    """An optional package is missing; the message names the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed: pip install 'neumat[{extra}]'")
        self.extra = extra


class CompilerError(NeumatError):
    """A shader or C++ compiler is missing, failed, crashed or ran out of time."""


class DeviceError(NeumatError):
    """A device is missing or cannot do what was asked."""
