"""Starts the service, which a checkout keeps beside this package and the wheel inside it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from deid.errors import DeidError


def service_module(name: str) -> ModuleType:
    """A module of the service package."""
    try:
        return importlib.import_module(f"deid.service.{name}")
    except ModuleNotFoundError as error:
        if error.name not in ("deid.service", f"deid.service.{name}"):
            raise
        return importlib.import_module(f"service.{name}")


def run_service(talk: Callable[[str], None], **options: Any) -> int:
    """Serves until it is stopped. Raises DeidError where a setting is unsafe or the port is taken."""
    settings = service_module("settings")
    server = service_module("server")
    try:
        chosen = settings.load_settings(**options)
    except settings.SettingsFault as error:
        raise DeidError(str(error)) from None
    status: int = server.serve(chosen, talk)
    return status
