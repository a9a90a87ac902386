"""The refiner that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from crl.adaptation.fitted import Fitted
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.box_inverse import BoxInverseRefiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.inverse import InverseRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.adaptation.refiners.published import PublishedRefiner
from crl.adaptation.refiners.replan import ReplanRefiner
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.config import Config
from crl.plugins import is_path, load_plugin, points
from crl.types import ActionSpec

GROUP = "crl.refiners"
TRACKING: Mapping[str, type[TrackingRefiner]] = {
    "flow": FlowRefiner,
    "inverse": InverseRefiner,
    "box": BoxInverseRefiner,
    "replan": ReplanRefiner,
}
"""Refiners that follow the regime, by ``refiner.kind``."""


def make_refiner(config: Config, fitted: Fitted, action: ActionSpec) -> Refiner:
    """The refiner that ``config.refiner`` names, for one mission.

    One of a user's own is an entry point of ``crl.refiners``, or ``package.module:Name``: a class, or a function, of
    (config, fitted, action).

    Raises:
        PluginError: It can't be loaded.
    """
    name = config.refiner.name
    if is_path(name) or (name in points(GROUP)):
        own: Refiner = load_plugin(GROUP, name, "refiner")(config, fitted, action)
        return own
    if config.refiner.kind in TRACKING and fitted.flow is not None:
        return TRACKING[config.refiner.kind](fitted.flow, fitted.nominal, clipped=config.refiner.clipped)
    if config.refiner.kind == "flow" and fitted.published is not None:
        return PublishedRefiner(fitted.published, fitted.nominal, clipped=config.refiner.clipped)
    if config.refiner.kind == "oracle":
        return OracleRefiner(action, clipped=config.refiner.clipped)
    return NoRefiner(action)
