"""Identifiers by name."""

from __future__ import annotations

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.nominal_model import NominalModel
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from crl.matching import nearest

IDENTIFIERS = ("structured", "learned")


def make_identifier(
    kind: str, config: FlowConfig, box: Box, nominal: NominalModel, calibration: Calibration, seed: int = 0
) -> Identifier:
    """An identifier by name, ``structured`` or ``learned`` (which has yet to be fitted).

    Raises:
        CrlError: There is no such identifier.
    """
    if kind == "structured":
        return StructuredIdentifier(config.identification, box, nominal, calibration)
    if kind == "learned":
        return LearnedIdentifier(config, box, nominal, calibration, seed)
    raise CrlError(f"unknown identifier {kind!r}{nearest(kind, IDENTIFIERS)}")
