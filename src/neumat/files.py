"""Writing results: into a temporary name first, then moved in place, so that nothing is ever half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neumat.errors import OutputError


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def check_target(path: str | Path, *, folder: bool = False) -> None:
    """Find out before long work whether a file, or a folder, could be written to `path`.

    Raises:
        OutputError: it could not.
    """
    target = Path(path)
    if target.exists() and target.is_dir() != folder:
        raise OutputError(f"{target}: is a file; name a folder" if folder else f"{target}: is a folder; name a file")
    above = target.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise OutputError(f"{target}: cannot be written ({above} is a file)")
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{target}: cannot be written ({above} is not yours to write to)")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it over `path` when the block ends well.

    An exception (Ctrl-C too) removes the temporary file and keeps what stood at `path`.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:80]}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({_reason(error)})") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` in one step (see `replacing`)."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` in one step (see `replacing`)."""
    write_bytes(path, text.encode())


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, which takes the place of `path` when the block ends well.

    Only files that neumat wrote belong in such a folder: what stood there before is replaced as a whole.

    Raises:
        OutputError: the folder cannot be made or written, or `path` is a file.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file; name a folder")
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.", dir=target.parent))
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        old: Path | None = None
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.old.", dir=target.parent))
            os.replace(target, old / "was")
        os.replace(temporary, target)
        temporary = None
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({_reason(error)})") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
