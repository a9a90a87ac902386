"""Libraries that only one format needs: imported when they are used, and named where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crl.errors import CrlError


def library(module: str, package: str, extra: str = "export") -> Any:
    """A module of an optional library.

    Args:
        module: What to import.
        package: Its package, for the message.
        extra: The extra of crl that installs it.

    Raises:
        CrlError: It is not installed, or can't be imported here.
    """
    try:
        return import_module(module)
    except Exception as error:  # an import runs the code of others, whose own parts may not fit together
        raise CrlError(
            f"this format needs the package {package}, which can't be imported: {error}",
            f"install it: pip install 'crl[{extra}]'",
        ) from error
