"""What an operator can set: environment variables ``DEID_…``, overridden by ``deid serve`` options."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20


class SettingsFault(ValueError):
    """A setting that makes no sense, or that would open the service to everybody."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and addresses. Sizes are in megabytes, times in seconds.

    ``key_file`` holds the SHA-256 (hexadecimal) of each API key, one a line; keys are random and
    long, so a plain digest is no weaker than a slow one. ``keep`` is how long a finished file may
    wait to be fetched; it is gone once it was. ``rows`` are those of a file, ``records`` and ``cells``
    those of one call; ``waiting`` calls wait for a processor, more are told to come back.
    ``processes`` mask the tables and long texts of calls, ``workers`` files; ``call_seconds`` is how long
    one call may take. ``presidio_at_start``: not only when the first client of its dialect comes (3 seconds, 200 MB).
    """

    host: str = "127.0.0.1"
    port: int = 8000
    key_file: str = ""
    allowed_hosts: str = ""
    workers: int = 1
    processes: int = min(os.cpu_count() or 1, 2)
    body_mb: int = 8
    file_mb: int = 200
    upload_seconds: int = 300
    call_seconds: int = 120
    job_seconds: int = 600
    rows: int = 1_000_000
    texts: int = 10_000
    records: int = 100_000
    cells: int = 2_000_000
    waiting: int = 128
    queue: int = 32
    keep: int = 900
    keep_after_download: bool = False
    folder: str = ""
    shutdown_seconds: int = 30
    presidio_at_start: bool = False

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def key_digests(self) -> frozenset[str]:
        """The digests of the keys that are let in; empty: no key is asked for (loopback only)."""
        if not self.key_file:
            return frozenset()
        try:
            text = Path(self.key_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise SettingsFault(f"读不了密钥文件 {self.key_file}") from None
        lines = (line.partition("#")[0].strip().lower() for line in text.splitlines())
        digests = frozenset(line for line in lines if line)
        if not digests or any(len(each) != 64 or set(each) - _HEX for each in digests):
            raise SettingsFault("密钥文件每行应是一个密钥的 SHA-256（64 位十六进制）")
        return digests

    def checked(self) -> Settings:
        """These settings. Raises SettingsFault where they are unsafe or impossible."""
        for name in _POSITIVE:
            if getattr(self, name) < 1:
                raise SettingsFault(f"{name} 必须大于 0")
        if not 0 <= self.port < 65536:
            raise SettingsFault("port 必须在 0 到 65535 之间")
        if not self.key_digests() and not self.is_loopback:
            raise SettingsFault(
                f"监听 {self.host} 会让别的机器也能访问：请先用 --key-file 设密钥（见 README）"
            )
        return self


_HEX = frozenset("0123456789abcdef")
_POSITIVE = (
    "workers", "processes", "body_mb", "file_mb", "upload_seconds", "call_seconds", "job_seconds", "rows", "texts", "records",
    "cells", "waiting", "queue", "keep", "shutdown_seconds",
)  # fmt: skip


def key_digest(key: str) -> str:
    """What stands for a key in the key file."""
    return hashlib.sha256(key.encode("utf-8")).hexdigest()


def new_key() -> str:
    """A fresh key: 256 random bits."""
    return secrets.token_urlsafe(32)


def load_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Settings of the environment, with those ``given`` (and not None) on top; checked."""
    found: dict[str, Any] = {}
    for each in fields(Settings):
        text = environment.get(f"DEID_{each.name.upper()}")
        if text is None:
            continue
        try:
            found[each.name] = _READ[str(each.type)](text)
        except ValueError:
            raise SettingsFault(f"DEID_{each.name.upper()} 的值不对") from None
    found |= {name: value for name, value in given.items() if value is not None}
    return replace(Settings(), **found).checked()


def _truth(text: str) -> bool:
    if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
        raise ValueError
    return text.lower() in ("1", "true", "yes")


_READ: Mapping[str, Callable[[str], Any]] = {"str": str, "int": int, "bool": _truth}
