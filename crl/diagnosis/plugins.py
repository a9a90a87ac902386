"""Entry points: agents, strategies, planners, sequences and environments of this package and of others, all loaded."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, entry_points, metadata

from crl.diagnosis.finding import Finding
from crl.diagnosis.probe import probe

SUBJECT = "entry points"
OTHER_GROUPS = ("gymnasium.envs",)
"""Groups that matter beside those that begin with ``crl.``."""
OPTIONAL_GROUPS = ("crl.callbacks",)
"""Groups that a run does without."""
_LOAD = """
from importlib.metadata import entry_points
for group, name, value in {points!r}:
    tell([group, name, value, "begun"])
    try:
        [point] = [p for p in entry_points(group=group, name=name) if p.value == value][:1]
        point.load()
    except BaseException as error:
        tell([group, name, value, f"{{type(error).__name__}}: {{error}}".splitlines()[0]])
    else:
        tell([group, name, value, ""])
"""


def plugins() -> list[Finding]:
    """One finding per group that is sound, and one per entry that does not load or has a rival of the same name."""
    found = _all()
    errors = _load_errors([point[:3] for point in found])
    findings = []
    for group in dict.fromkeys(point[0] for point in found):
        inside = [point for point in found if point[0] == group]
        faults = []
        for _, name, value, owner in inside:
            if error := errors.get((group, name, value)):
                faults.append(_fault(group, name, value, owner, error))
        # An environment package's entry is a namespace, which several packages may share.
        names = [] if group in OTHER_GROUPS else [name for _, name, _, _ in inside]
        for name in sorted({name for name in names if names.count(name) > 1}):
            owners = ", ".join(sorted({owner for _, other, _, owner in inside if other == name}))
            hint = "uninstall one of the packages, or ask its author for another name"
            faults.append(Finding(SUBJECT, f"{group}: {name}", "warning", f"offered more than once: {owners}", hint))
        missing = sum(fault.state == "absent" for fault in faults)
        if missing == len(faults):
            others = sorted({owner for *_, owner in inside} - {"crl"})
            beside = f", from other packages: {', '.join(others)}" if others else ""
            findings.append(Finding(SUBJECT, group, "ok", f"{len(inside) - missing} load{beside}", needed=True))
        findings += faults
    return findings


def _fault(group: str, name: str, value: str, owner: str, error: str) -> Finding:
    """An entry that does not load: a library of its extra is not installed, or something is broken."""
    title = f"{group}: {name}"
    if owner == "crl" and name in _extras() and error.startswith("ModuleNotFoundError"):
        return Finding(SUBJECT, title, "absent", f"needs its extra: {error}", f"pip install 'crl[{name}]'")
    said = f"{value} of {owner} does not load: {error}"
    if owner == "crl":
        needed = group not in OPTIONAL_GROUPS
        hint = "install crl again, from its folder or wheel: pip install --force-reinstall --no-deps ."
        return Finding(SUBJECT, title, "broken" if needed else "warning", said, hint, needed=needed)
    hint = (
        f"install {owner} again: pip install --force-reinstall --no-deps {owner}; or remove it: pip uninstall {owner}"
    )
    return Finding(SUBJECT, title, "warning", said, hint)


def _extras() -> list[str]:
    """Names of this package's extras."""
    try:
        return metadata("crl").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return []


def _all() -> list[tuple[str, str, str, str]]:
    """Group, name, value and package of every entry point that matters, the same one once."""
    every = entry_points()
    groups = [group for group in sorted(every.groups) if group.startswith("crl.") or group in OTHER_GROUPS]
    found = []
    for group in groups:
        for point in every.select(group=group):
            owner = point.dist.name if point.dist is not None else "an unknown package"
            found.append((group, point.name, point.value, owner))
    return sorted(dict.fromkeys(found))


def _load_errors(points: list[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    errors: dict[tuple[str, str, str], str] = {}
    left = list(points)
    while left:
        told = probe(_LOAD.format(points=left))
        ended = {(group, name, value): said for group, name, value, said in told.values if said != "begun"}
        errors.update({point: said for point, said in ended.items() if said})
        if told.trouble is None:
            break
        begun = [(group, name, value) for group, name, value, _ in told.values]
        culprit = next((point for point in reversed(begun) if point not in ended), left[0])
        errors[culprit] = told.trouble
        left = [point for point in left if point not in ended and point != culprit]
    return errors
