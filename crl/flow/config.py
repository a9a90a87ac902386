"""Settings of regime identification, of the flow and of the refiner, with units and sources."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FlowConfig:
    """Everything that can be set about action flow matching. Lengths of windows are in control steps."""

    structure: str = "gains"
    """Known channel structure: ``gains``, ``gains_bias``, ``matrix`` or ``affine``."""
    window: int = 15
    """Executed transitions that a regime is identified from, at most."""
    evidence: int = 2
    """Transitions that must contradict the regime in force before it is given up, however large the contradiction."""
    false_alarms: float = 1e-5
    """False alarms per nominal step that the threshold is computed for; the promise is 1e-4."""
    relative_error: float = 0.05
    """Deviation of the model's error off nominal, as a share of the regime's effect (the structured identifier)."""
    relative_error_learned: float = 0.2
    """The same for the learned identifier."""
    prior_gain: float = 2.0
    """Deviation of a gain from its nominal value that is expected a priori."""
    prior_coupling: float = 0.5
    """The same for what one channel does to another (in half ranges per half range)."""
    prior_bias: float = 0.3
    """The same for a bias, in half ranges."""

    gain_low: float = 0.04
    """Smallest magnitude of simulated gains (log-uniform, sign drawn)."""
    gain_high: float = 4.0
    """Greatest magnitude of simulated gains."""
    bias: float = 0.4
    """Greatest simulated bias, in half ranges."""

    hidden: list[int] = field(default_factory=lambda: [128, 128, 128])
    """Hidden layers of the velocity field."""
    regimes: int = 8192
    """Simulated regimes in the training set."""
    actions: int = 16
    """Planned actions per simulated regime."""
    updates: int = 4000
    """Gradient steps of the velocity field."""
    batch: int = 512
    """Pairs per gradient step."""
    lr: float = 2e-3
    """Learning rate at the start; it falls to zero along a half cosine."""
    noise: float = 0.05
    """Deviation of the noise on x_t, in flow coordinates."""
    box_scale: float = 1.0
    """Size of the box that refined actions live in, relative to the action box. 1: a real robot. Above 1: commands
    beyond the limits are learned and given (to compare with the published, unclipped setting)."""

    context: int = 16
    """Size C of a learned context."""
    encoder_hidden: list[int] = field(default_factory=lambda: [96, 96])
    """Hidden layers of the set encoder's two parts and of its decoder."""
    encoder_updates: int = 4000
    """Gradient steps of the learned identifier."""
    encoder_batch: int = 128
    """Regimes per gradient step of the learned identifier."""

    solver: str = "midpoint"
    """``midpoint``, ``euler`` or ``rk4`` on a fixed grid, or ``dopri5`` (adaptive)."""
    solver_steps: int = 4
    """Steps of the fixed grid."""
    solver_tolerance: float = 1e-4
    """Relative and absolute tolerance of an adaptive solver."""
    max_correction: float = 2.0
    """Greatest change of an action by the refiner per element, in half ranges (times ``box_scale``)."""
    min_confidence: float = 0.05
    """Confidence from which a regime is acted upon."""
