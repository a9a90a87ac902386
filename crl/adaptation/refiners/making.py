"""The refiner that the settings name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crl.adaptation.fitted import Fitted
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.box_inverse import BoxInverseRefiner
from crl.adaptation.refiners.compensation import CompensatingRefiner
from crl.adaptation.refiners.context import ContextRefiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.indi import IndiRefiner
from crl.adaptation.refiners.inverse import InverseRefiner
from crl.adaptation.refiners.l1 import L1Refiner
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.adaptation.refiners.published import PublishedRefiner
from crl.adaptation.refiners.replan import ReplanRefiner
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.config import Config
from crl.errors import CrlError
from crl.plugins import is_path, load_maker, points
from crl.types import ActionSpec

GROUP = "crl.refiners"
TRACKING: Mapping[str, type[TrackingRefiner]] = {
    "flow": FlowRefiner,
    "inverse": InverseRefiner,
    "box": BoxInverseRefiner,
    "replan": ReplanRefiner,
    "context": ContextRefiner,
}
"""Refiners that follow the regime: the class of each of :data:`~crl.config.declared.components.FOLLOWING`."""
COMPENSATING: Mapping[str, type[CompensatingRefiner]] = {"l1": L1Refiner, "indi": IndiRefiner}
"""Classical adaptive control, by ``refiner.kind``."""


def check_refiner(config: Config, measured: Sequence[int]) -> None:
    """Refuse a refiner that is not for this body.

    Args:
        config: The run's settings.
        measured: For every element of an action, where in an observation its measurement is, -1 for none.

    Raises:
        CrlError: Its commands are of another kind than the refiner is for, or the refiner can't do with the identifier.
    """
    kind = config.refiner.kind
    if config.refiner.contextual and config.refiner.identifier != "structured":
        raise CrlError(
            f"the model of refiner.kind=context reads gains and biases, which refiner.identifier="
            f"{config.refiner.identifier} does not give",
            "use refiner.identifier=structured",
        )
    if kind not in COMPENSATING:
        return
    follows_late = any(at >= 0 for at in measured)
    if COMPENSATING[kind].FOR_MEASURED and not follows_late:
        raise CrlError(
            f"refiner={kind} inverts the effect of commanded body rates, and nothing measures what this body's "
            "commands ask for (flow.identification.measured is empty)",
            "use refiner=l1 for velocity set-points",
        )
    if follows_late and not COMPENSATING[kind].FOR_MEASURED:
        raise CrlError(
            f"refiner={kind} is for velocity set-points, and this body is commanded by body rates, which it follows "
            "late (flow.identification.measured)",
            "use refiner=indi",
        )


def make_refiner(config: Config, fitted: Fitted, action: ActionSpec) -> Refiner:
    """The refiner that ``config.refiner`` names, for one mission.

    One of a user's own is an entry point of ``crl.refiners``, or ``package.module:Name``: a class, or a function, of
    (config, fitted, action).

    Raises:
        PluginError: It can't be loaded.
    """
    name = config.refiner.name
    if is_path(name) or (name in points(GROUP)):
        own: Refiner = load_maker(GROUP, name, "refiner")(config, fitted, action)
        return own
    if config.refiner.kind in TRACKING and fitted.flow is not None:
        return TRACKING[config.refiner.kind](
            fitted.flow, fitted.nominal, clipped=config.refiner.clipped, limit=config.refiner.limit
        )
    if config.refiner.kind == "flow" and fitted.published is not None:
        return PublishedRefiner(fitted.published, fitted.nominal, clipped=config.refiner.clipped)
    if config.refiner.kind in COMPENSATING:
        return _compensating(config, fitted, action)
    if config.refiner.kind == "oracle":
        return OracleRefiner(action, clipped=config.refiner.clipped)
    return NoRefiner(action)


def _compensating(config: Config, fitted: Fitted, action: ActionSpec) -> Refiner:
    given = (fitted.nominal, fitted.spread, action)
    settings = config.refiner
    most = config.flow.tracking.max_correction
    if settings.kind == "l1":
        return L1Refiner(*given, filter=settings.filter, most=most, clipped=settings.clipped)
    rows = tuple(-1 if at < 0 else fitted.body.change_of(at) for at in fitted.measured)
    return IndiRefiner(*given, rows=rows, filter=settings.filter, most=most, clipped=settings.clipped)
