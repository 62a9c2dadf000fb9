"""Reports of files and their policy -> the run that the report pages tell of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deid.model import FileReport

if TYPE_CHECKING:
    from deid.policy import Policy
    from deid.report import Run


def entity_labels() -> dict[str, str]:
    """What each entity is called in Chinese."""
    from deid.entities import load_entities

    return {entity.name: entity.label for entity in load_entities().values()}


def entity_rules(policy: Policy) -> dict[str, str]:
    """What the policy does with each entity, in words."""
    from deid.report import rule

    return {
        entity: rule(name, options)
        for entity, spec in policy.specs.items()
        for name, options in spec.items()
    }


def run_of(reports: Sequence[FileReport], policy: Policy, version: str) -> Run:
    """The run of these files, made now, with what a reader has to know of its policy."""
    from datetime import datetime

    from deid.report import Run

    return Run(
        files=reports,
        policy=policy.name,
        policy_label=policy.label,
        basis=policy.basis_shown,
        **_where(policy) if policy.elements else {},
        due=next((report.due for report in reports if report.due), ""),
        retention=next((report.retention for report in reports if report.retention), ""),
        labels=entity_labels(),
        rules=entity_rules(policy),
        version=version,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _where(policy: Policy) -> dict[str, str]:
    """Where and by whom the lists are published, in words."""
    from deid.policy_files import CHANNELS, LEVELS

    audience = policy.elements.get("audience", "")
    return {
        "channel": CHANNELS[policy.channel],
        "level": LEVELS[policy.level],
        "audience": "" if audience in _EVERYBODY else audience,
    }


_EVERYBODY = ("", "全社会", "社会公众")
