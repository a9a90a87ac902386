"""``crl.adapt``: correct actions while a body does not do what its model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.adaptation.fitting import FLOOR
from crl.adaptation.flow_matching.action_flow import fit_flow
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.making import TRACKING
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.api.given import Step, arrays, numbers, stepped, whole
from crl.api.overrides import overrides
from crl.api.spaces import action_spec
from crl.config import Config
from crl.config.asking.composing import compose
from crl.dynamics.features import FeatureMap
from crl.errors import SettingsError
from crl.types import Array, ObservationField, ObservationSpec, Told, untold

METHODS = ("afm", "afm_learned", "inverse", "box")
LEAST_SCALE = 1e-6
"""Deviation of an element that never changes."""


def adapt(
    model: Step,
    data: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    action_space: gymnasium.spaces.Box,
    *,
    method: str = "afm",
    angles: Sequence[int] = (),
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    told: Told = untold,
) -> ActionRefiner:
    """Prepare to correct actions when a body changes: by action flow matching, or by one of its rivals.

    The body is taken to make u = M a + b of its commands a after a change, and to do with u what the model says. What
    M and b are is found out from executed transitions.

    Args:
        model: The body before any change, one step for many states at once: next observations [N, S] for observations
            [N, S] and actions [N, A], all float32 tensors.
        data: Observations [N, S], executed actions [N, A] and next observations [N, S] of that body, in order of time,
            at least 100. The model's errors on them say when a change is believed in, so it must not have been fitted
            to them.
        action_space: Finite range of the actions.
        method: ``afm`` (action flow matching with identified gains), ``afm_learned`` (with a learned identifier),
            ``inverse`` (the inverse of the identified gains) or ``box`` (least squares inside the range). The last two
            need no training.
        angles: Indices of the elements of an observation that are angles (rad); their changes are taken on the circle.
        seed: Seed of everything that is drawn.
        settings: Other settings, by dotted key: ``{"flow.identification.structure": "affine"}``.
        told: Is told how far each part of the fit is.

    Returns:
        What corrects actions.

    Raises:
        SettingsError: A setting or the method is unknown or out of range.
        CrlError: There are fewer than 100 transitions, or residuals are not finite.
        ValueError: A shape is wrong, also that of what the model returns; something is no number or no function; or
            the action space is not a finite box with one dimension.

    Source: Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025.
    """
    config = _config(method, seed, settings or {})
    spec = action_spec(action_space)
    seen, executed, after = _checked(data, spec.size)
    features = _features(seen.shape[1], angles)
    nominal = NominalModel(_changes(stepped(model), features))
    residuals = features.change(seen, after)
    scale = residuals.std(dim=0).clamp_min(LEAST_SCALE)
    with torch.no_grad():
        residuals = residuals - nominal(seen, executed)
    tracking = config.flow.tracking
    calibration = calibrate(
        residuals, FLOOR * scale, rate=tracking.false_alarms, evidence=tracking.evidence, margin=tracking.margin
    )
    flow = fit_flow(
        config.flow,
        spec,
        ChannelRegimes(config.flow, nominal, Box.of(spec), seen, scale),
        calibration,
        identifier=config.refiner.identifier,
        train=config.refiner.kind == "flow",
        nominal=nominal,
        seed=seed,
        told=told,
    )
    chosen = config.refiner
    refiner = TRACKING[chosen.kind](flow, nominal, clipped=chosen.clipped, limit=chosen.limit)
    return ActionRefiner(refiner, features)


class ActionRefiner:
    """Corrects planned actions, and takes note of what executed ones did. Made by :func:`adapt`.

    Args:
        refiner: Follows the regime and corrects.
        features: What a change of an observation is.
    """

    def __init__(self, refiner: TrackingRefiner, features: FeatureMap) -> None:
        self._refiner = refiner
        self._features = features
        self.reset()

    def reset(self) -> None:
        """Believe in the body as the model describes it, and forget what was observed."""
        self._refiner.begin()

    def refine(self, action: NDArray[Any]) -> Array:
        """The action [A] to send in place of a planned one [A]: the same one while the body is as its model.

        Raises:
            ValueError: The action has another shape, or is not finite: then send what is safe.
        """
        return self._refiner.refine(self._row("an action", action, self._refiner.action.size, finite=True))

    def observe(self, observation: NDArray[Any], executed: NDArray[Any], next_observation: NDArray[Any]) -> None:
        """Take note of one step: observation [S], the action that was really sent [A], and the next observation [S].

        A step with a number that is not finite is left out.

        Raises:
            ValueError: A shape is wrong.
        """
        seen, after = (
            torch.from_numpy(self._row("an observation", part, self._features.size))
            for part in (observation, next_observation)
        )
        sent = torch.from_numpy(self._row("an action", executed, self._refiner.action.size))
        with torch.no_grad():
            self._refiner.observe(seen, sent, self._features.change(seen, after))

    @property
    def active(self) -> bool:
        """Whether a change of the body is believed in and actions are corrected."""
        return self._refiner.regime.active

    @property
    def changes(self) -> int:
        """How often the body was found to have changed since :meth:`reset`."""
        return self._refiner.regime.changes

    def effective(self, action: NDArray[Any]) -> Array:
        """The command [A] that the body is believed to make of an action [A].

        Raises:
            ValueError: The action has another shape, or is not finite.
        """
        sent = torch.from_numpy(self._row("an action", action, self._refiner.action.size, finite=True))
        with torch.no_grad():
            command: Array = self._refiner.nominal_command(sent).numpy().astype(np.float32)
        return command

    @staticmethod
    def _row(what: str, values: NDArray[Any], size: int, *, finite: bool = False) -> Array:
        row = numbers(what, values, finite=finite)  # a copy: who gave it may use it again
        if row.shape != (size,):
            raise ValueError(f"{what} has the shape ({size},), not {row.shape}")
        return row


def _config(method: str, seed: int, settings: Mapping[str, Any]) -> Config:
    if method not in METHODS:
        raise SettingsError(f"method {method!r} is unknown", f"use one of {', '.join(METHODS)}")
    return compose(overrides({"refiner": method, "seed": seed, **settings}), unread=True)


def _features(size: int, angles: Sequence[int]) -> FeatureMap:
    angles = [whole("an index among the angles", index, least=-size) for index in angles]
    if not all(0 <= index < size for index in angles):
        raise ValueError(f"angles are {angles}: give indices from 0 to {size - 1}")
    fields = (ObservationField(str(i), "1", "angle" if i in angles else "linear") for i in range(size))
    return FeatureMap(ObservationSpec(tuple(fields)))


def _changes(model: Step, features: FeatureMap) -> Step:
    """The model as one of changes [N, D]."""

    def change(observation: Tensor, action: Tensor) -> Tensor:
        return features.change(observation, model(observation, action))

    return change


def _checked(data: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], actions: int) -> tuple[Tensor, Tensor, Tensor]:
    seen, executed, after = arrays(("observations", "actions", "next observations"), data)
    if seen.ndim != 2 or not seen.shape[1] or after.shape != seen.shape or executed.shape != (len(seen), actions):
        raise ValueError(
            f"data are observations (N, S), actions (N, {actions}) and next observations (N, S), "
            f"not {tuple(seen.shape)}, {tuple(executed.shape)} and {tuple(after.shape)}"
        )
    return seen, executed, after
