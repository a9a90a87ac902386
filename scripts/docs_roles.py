"""Roles of Sphinx in docstrings, as in :class:`~crl.api.Run`, become code on the pages of the site (`mkdocs.yml`)."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`(~?)([^`]+)`")


def plain(text: str) -> str:
    """The text with every role as its name; of ``~a.b.c``, the last part."""
    return ROLE.sub(lambda found: f"`{found[2].rpartition('.')[2] if found[1] else found[2]}`", text)


class Roles(griffe.Extension):
    """Rewrites the docstrings of all objects, and of packages, which are no objects to griffe."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """See the class."""
        self.on_object(obj=pkg)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """See the class."""
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)
