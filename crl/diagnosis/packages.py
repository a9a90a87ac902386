"""Python, the package itself, what it requires, and its extras: versions, and whether they can be imported."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from crl.diagnosis.finding import Finding, State
from crl.diagnosis.probe import probe

SUBJECT = "packages"
MODULES: Mapping[str, str] = {
    "hydra-core": "hydra",
    "pillow": "PIL",
    "rerun-sdk": "rerun",
}
"""Modules of the packages whose names say nothing about them."""
PARTIAL: Mapping[str, str] = {
    "pybullet": "task sequences that PyBullet simulates (ugv_mission_husky)",
    "imageio": "videos",
    "stable-baselines3": "agent=sb3_*",
    "tensorboard": "TensorBoard",
}
"""Required packages without which some runs work all the same, and what does not work then."""
HIDDEN_EXTRAS = ("dev", "docs")
"""Extras for work on the package itself."""
_IMPORT = """
import importlib, sys
for module in {modules!r}:
    tell([module, "begun"])
    try:
        importlib.import_module(module)
    except BaseException as error:
        tell([module, f"{{type(error).__name__}}: {{error}}".splitlines()[0]])
    else:
        tell([module, ""])
"""


def packages() -> list[Finding]:
    """Versions of Python and of all packages, the required ones imported."""
    version = platform.python_version()
    findings = [Finding(SUBJECT, "Python", "ok", f"{version} ({platform.machine()}, {sys.executable})", needed=True)]
    try:
        wanted = metadata.requires("crl") or []
        findings.append(Finding(SUBJECT, "crl", "ok", metadata.version("crl"), needed=True))
    except metadata.PackageNotFoundError:
        hint = (
            "install it: pip install . in its folder; strategies, planners and sequences are found by its entry points"
        )
        return [*findings, Finding(SUBJECT, "crl", "broken", "not installed", hint, needed=True)]
    required, extras = _split(wanted)
    return [*findings, *_required(required), *_extras(extras)]


def module_of(package: str) -> str:
    """Name of the module to import for a package."""
    return MODULES.get(package, package.replace("-", "_"))


def _split(texts: Sequence[str]) -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """The requirements that hold here, and those of every extra."""
    required: list[Requirement] = []
    extras: dict[str, list[Requirement]] = {}
    names = {name.strip() for name in metadata.metadata("crl").get_all("Provides-Extra") or []}
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            required.append(requirement)
            continue
        for name in sorted(names - set(HIDDEN_EXTRAS)):
            if requirement.marker.evaluate({"extra": name}):
                extras.setdefault(name, []).append(requirement)
    return required, extras


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _required(requirements: Sequence[Requirement]) -> list[Finding]:
    errors = _import_errors([module_of(item.name) for item in requirements if _version(item.name)])
    findings = []
    for item in requirements:
        version, needed = _version(item.name), item.name not in PARTIAL
        without = "" if needed else f"; without it, no {PARTIAL[item.name]}"
        install = f"pip install '{item.name}{item.specifier}'{without}"
        fault: State = "broken" if needed else "warning"
        if version is None:
            findings.append(Finding(SUBJECT, item.name, fault, "not installed", install, needed))
        elif error := errors.get(module_of(item.name)):
            hint = f"install it again: pip install --force-reinstall --no-deps '{item.name}{item.specifier}'{without}"
            findings.append(Finding(SUBJECT, item.name, fault, f"{version}: {error}", hint, needed))
        elif not item.specifier.contains(version, prereleases=True):
            said = f"{version}, outside of {item.specifier}"
            findings.append(Finding(SUBJECT, item.name, "warning", said, install, needed))
        else:
            findings.append(Finding(SUBJECT, item.name, "ok", version, needed=needed))
    return findings


def _extras(extras: Mapping[str, Sequence[Requirement]]) -> list[Finding]:
    findings = []
    for extra, items in extras.items():
        found = {item.name: _version(item.name) for item in items}
        missing = [name for name, version in found.items() if version is None]
        there = [f"{name} {version}" for name, version in found.items() if version is not None]
        if not missing:
            findings.append(Finding(SUBJECT, f"extra {extra}", "ok", ", ".join(there)))
        else:
            said = f"not installed: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
            wanted = [f"'{item.name}{item.specifier}'" for item in items if item.name in missing]
            findings.append(Finding(SUBJECT, f"extra {extra}", "absent", said, f"pip install {' '.join(wanted)}"))
    return findings


def _import_errors(modules: Sequence[str]) -> dict[str, str]:
    """Modules that can't be imported, with the reason. One that takes its process down is named, the rest go on."""
    errors: dict[str, str] = {}
    left = list(modules)
    while left:
        told = probe(_IMPORT.format(modules=left))
        ended = {module: said for module, said in told.values if said != "begun"}
        errors.update({module: said for module, said in ended.items() if said})
        begun = [module for module, said in told.values if said == "begun" and module not in ended]
        if told.trouble is None:
            break
        culprit = begun[-1] if begun else left[0]
        errors[culprit] = told.trouble
        left = [module for module in left if module not in ended and module != culprit]
    return errors
