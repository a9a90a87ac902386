"""Type checking while the tests run, by beartype; conftest.py says which packages."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# An int serves where a float is asked for, as for mypy.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
