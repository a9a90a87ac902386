"""Identifiers by name."""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.broad import BroadRegimes
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.identification.unstructured import UnstructuredIdentifier
from crl.adaptation.nominal_model import NominalModel
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from crl.matching import nearest

IDENTIFIERS = ("structured", "learned", "unstructured")


def make_identifier(
    kind: str, config: FlowConfig, box: Box, nominal: NominalModel, calibration: Calibration, seed: int = 0
) -> Identifier:
    """An identifier by name; ``learned`` and ``unstructured`` have yet to be fitted.

    Raises:
        CrlError: There is no such identifier.
    """
    if kind == "structured":
        return StructuredIdentifier(config.identification, box, nominal, calibration)
    if kind == "learned":
        return LearnedIdentifier(config, box, nominal, calibration, seed)
    if kind == "unstructured":
        return UnstructuredIdentifier(config, box, nominal, calibration, seed)
    raise CrlError(f"unknown identifier {kind!r}{nearest(kind, IDENTIFIERS)}")


def make_simulator(
    kind: str, config: FlowConfig, nominal: NominalModel, box: Box, seen: Tensor, scale: Tensor
) -> ChannelRegimes:
    """The bodies that an identifier of a kind and its flow are trained on: broad ones, if it knows no structure."""
    regimes = BroadRegimes if kind == "unstructured" else ChannelRegimes
    return regimes(config, nominal, box, seen, scale)
