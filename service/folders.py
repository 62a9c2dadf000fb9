"""A private folder for one server's temporary files, and the sweeping of those of dead servers.

A living server holds a lock on a file in its folder, which the system lets go of however the server
ends. A process number would not do: it may belong to somebody else by now, or to another container
that shares the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

_PREFIX = "deid-serve-"
_LOCK = "lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk says that takes no more."""
_NEWBORN = 60
"""Seconds for which a folder without a lock may be one that a server is just making."""

if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody's; or the disk knows no locks, and then nothing is swept
            return False
        return True


class Folder:
    """The folder of this server: each job has one of its own in it, all of them closed to others."""

    def __init__(self, base: Path, handle: int, path: Path) -> None:
        self.base, self.path = base, path
        self._handle = handle
        self._jobs = 0

    def new(self) -> Path:
        """An empty folder for one job."""
        self._jobs += 1
        path = self.path / str(self._jobs)
        path.mkdir(0o700)
        for name in ("in", "out", "tmp"):
            (path / name).mkdir(0o700)
        return path

    def touch(self) -> None:
        """Keep those who clear out old temporary files from taking the lock away."""
        with contextlib.suppress(OSError):
            os.utime(self.path / _LOCK)
            os.utime(self.path)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        remove(self.path)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        remove(self.path)  # where an open file cannot be removed


def open_folder(base: str) -> Folder:
    """This server's own folder, those of dead servers swept away. Raises OSError."""
    place = Path(base or tempfile.gettempdir()).absolute()
    place.mkdir(0o700, parents=True, exist_ok=True)
    sweep(place)
    while True:
        path = place / f"{_PREFIX}{secrets.token_hex(8)}"
        path.mkdir(0o700)
        handle = os.open(path / _LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        if _locked(handle) and (path / _LOCK).exists():
            return Folder(place, handle, path)
        os.close(handle)  # another server swept it before the lock was held


def sweep(base: Path) -> None:
    """Remove the folders of servers that are dead; of this user, and no links."""
    for path in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            told = path.lstat()
            mine = not hasattr(os, "getuid") or told.st_uid == os.getuid()
            if mine and path.is_dir() and not path.is_symlink() and _is_dead(path, told.st_mtime):
                remove(path)


def _is_dead(path: Path, changed: float) -> bool:
    try:
        handle = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - changed > _NEWBORN
    try:
        return _locked(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a folder as far as possible; what stays goes at the next start."""
    shutil.rmtree(path, ignore_errors=True)
