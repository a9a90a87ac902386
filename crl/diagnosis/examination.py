"""All subjects in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from crl.diagnosis.disk import disk
from crl.diagnosis.finding import Finding
from crl.diagnosis.kernel import kernel
from crl.diagnosis.packages import packages
from crl.diagnosis.plugins import plugins
from crl.diagnosis.processors import processors
from crl.diagnosis.rendering import rendering
from crl.diagnosis.ros import ros
from crl.diagnosis.video import video


def examine(runs: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Look at everything, one subject after another.

    Args:
        runs: Folder of the runs.

    Yields:
        What is looked at, and its findings. A subject's own failure is a finding, too.
    """
    subjects: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("packages", packages),
        ("entry points", plugins),
        ("processors", processors),
        ("kernel", kernel),
        ("rendering", rendering),
        ("video", video),
        ("disk", lambda: disk(runs)),
        ("ros", ros),
    ]
    for name, look in subjects:
        try:
            findings = look()
        except Exception as error:  # what stops one subject must not hide the others
            said = f"it could not be looked at: {type(error).__name__}: {error}"
            findings = [Finding(name, name, "warning", said, "this is a fault of crl doctor: please report it")]
        yield name, findings
