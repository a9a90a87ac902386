"""Online learning whose model reads the context: to planning on the identified dynamics what a learned model is."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.identification.channels import Channels
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.replan import ReplanRefiner


class ContextRefiner(ReplanRefiner):
    """Executes what was planned; the planner's model reads the context beside the raw command.

    What commands do under a context is in the model (:mod:`crl.adaptation.contextual`), which was trained on bodies
    with random contexts and goes on learning. So it can also learn what no context of the structure describes.

    Args:
        flow: The structured identifier and the calibration.
        nominal: The nominal model that they were made with.
        clipped: Keep to the action box, as a real robot must.
        limit: See :class:`~crl.adaptation.refiners.tracking.TrackingRefiner`.
    """

    def __init__(self, flow: ActionFlow, nominal: NominalModel, *, clipped: bool = True, limit: float = 1.0) -> None:
        super().__init__(flow, nominal, clipped=clipped, limit=limit)
        self._nothing = torch.zeros(Channels(flow.config.identification.structure, flow.box).size)

    def context(self) -> Tensor:
        """How M and b deviate from those of the nominal body, [P], in half ranges; zero while no regime is active."""
        regime = self.regime
        return regime.context[: len(self._nothing)] if regime.active else self._nothing

    def effect(self, actions: Tensor) -> Tensor:
        """The actions themselves: the model knows what they do."""
        return actions
