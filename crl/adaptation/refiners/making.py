"""The refiner that the settings name."""

from __future__ import annotations

from crl.adaptation.fitted import Fitted
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.adaptation.refiners.published import PublishedRefiner
from crl.config import Config
from crl.types import ActionSpec


def make_refiner(config: Config, fitted: Fitted, action: ActionSpec) -> Refiner:
    """The refiner that ``config.refiner`` names, for one mission."""
    if config.refiner.kind == "flow" and fitted.flow is not None:
        return FlowRefiner(fitted.flow, fitted.nominal, clipped=config.refiner.clipped)
    if config.refiner.kind == "flow" and fitted.published is not None:
        return PublishedRefiner(fitted.published, fitted.nominal, clipped=config.refiner.clipped)
    if config.refiner.kind == "oracle":
        return OracleRefiner(action, clipped=config.refiner.clipped)
    return NoRefiner(action)
