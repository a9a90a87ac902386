"""The settings that the strategies, planners and refiners of this package read.

A declaration is a tuple of dotted keys, or beginnings of such (``dynamics.hypernetwork`` is all of that section). The
class of a component has it as ``SETTINGS``, so that a class derived from it inherits it. It stands here because
settings are checked, shown and compared without PyTorch, which every such class imports. A test holds the two together,
and compares them with what a component really reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Settings = tuple[str, ...]

HYPERNETWORK = "dynamics.hypernetwork"
"""What every strategy reads that has a hypernetwork."""
_STRATEGY = ("continual.options", "learning.lr", "learning.clip", "learning.average")
_START = ("continual.start", "continual.like")
_REPLAY = ("continual.memory", "continual.replay_weight", "learning.batch")

GENERATORS: Mapping[str, Settings] = {
    "shared": (*_STRATEGY, *_START, "continual.heads"),
    **dict.fromkeys(
        ("hypercrl", "hypercrl_recurrent", "hyperinterval"),
        (
            *_STRATEGY,
            *_START,
            "learning.lr_embedding",
            "continual.beta",
            "continual.lookahead",
            "continual.protect",
            HYPERNETWORK,
        ),
    ),
    "pnn": _STRATEGY,
    "packnet": (*_STRATEGY, *_START, "continual.heads", "learning.batch"),
    "vcl": (*_STRATEGY, *_START, "continual.heads"),
    "finetune": _STRATEGY,
    "finetune_heads": (*_STRATEGY, *_START),
    **dict.fromkeys(
        ("low_rank", "olora", "codyra", "lae", "conpet", "experts"), (*_STRATEGY, *_START, "continual.heads")
    ),
    "ilora": (*_STRATEGY, *_START, *_REPLAY, "continual.heads"),
    "grown": (*_STRATEGY, *_START),
    "adaptors": (*_STRATEGY, *_START),
    "sparse": (*_STRATEGY, *_START, "continual.heads"),
    "snapshot": (*_STRATEGY, *_START),
    "single": (*_STRATEGY, *_START),
}
"""By the module in crl/continual/generators."""

PARTS: Mapping[str, Settings] = {
    "coreset": _REPLAY,
    "everything": ("continual.replay_weight", "learning.batch"),
    "ewc": ("continual.ewc_lambda", "continual.fisher_rows"),
    "si": ("continual.si_c",),
    "output_fisher": ("continual.fisher_rows",),
    "output_path": (),
    "gradient_projection": ("continual.fisher_rows", "continual.energy"),
    "mas": ("continual.fisher_rows",),
    "clonex": _REPLAY,
    "self_distilled": _REPLAY,
    "selected": _REPLAY,
    "perturbed": _REPLAY,
    "mixing": _REPLAY,
    "distilled": _REPLAY,
    "activations": _REPLAY,
    "reference": ("learning.batch",),
    "generative": ("learning.batch",),
    "general": ("continual.memory", "learning.batch"),
    "agem": ("continual.memory", "learning.batch"),
    "fpf": ("continual.memory", "learning.batch"),
    "kfpf": ("continual.memory", "learning.batch"),
    "generative_kernel": ("learning.batch",),
}
"""By the module in another folder of crl/continual; a part that is not here reads its own options alone."""

_SAMPLING = ("planner.samples", "planner.horizon", "planner.pessimism", "planner.deadline")
_CEM = (*_SAMPLING, "planner.rounds", "planner.elites", "planner.std", "planner.momentum")

PLANNERS: Mapping[str, Settings] = {
    "random_shooting": _SAMPLING,
    "cem": _CEM,
    "icem": (*_CEM, "planner.scales", "planner.keep", "planner.decay", "planner.beta"),
    "mppi": (
        *_SAMPLING,
        "planner.rounds",
        "planner.std",
        "planner.temperature",
        "planner.smoothing",
        "planner.shift",
    ),
}
"""By ``planner.name``."""

REFINERS = (
    "off", "none", "frozen", "randomised", "oracle", "afm", "afm_learned", "afm_unstructured", "afm_published",
    "afm_unguided", "regression", "box", "inverse", "inverse_gentle", "replan", "none_context", "l1", "indi",
    "lifelong",
)  # fmt: skip
"""Names of refiners that are made by their settings, not by a class of their own."""
FOLLOWING = ("flow", "inverse", "box", "replan", "context")
"""Values of ``refiner.kind`` that look for regimes and follow the one in force."""
_REFINER = ("refiner.kind", "refiner.clipped", "refiner.online", "refiner.randomised", "refiner.authority")
_LIFELONG = ("refiner.kind", "refiner.clipped", "memory", "flow.identification", "flow.tracking.false_alarms")
_HYPER = (HYPERNETWORK, "learning.clip", "continual.protect")
_SIMULATED = ("flow.identification.structure", "flow.simulation")
_TRACKING = ("flow.tracking", "flow.field.hidden")
_STRUCTURED = ("flow.identification",)
_LEARNED = (*_SIMULATED, "flow.encoder", "flow.field.lr", "flow.tracking.window")
_TRAINED = (
    *_SIMULATED,
    "flow.field.hidden",
    "flow.field.regimes",
    "flow.field.updates",
    "flow.field.batch",
    "flow.field.lr",
    "flow.field.noise",
    "flow.field.objective",
    "flow.field.guess",
    "flow.field.box_scale",
    "flow.integration.solver",
    "flow.integration.steps",
)


def refiner_settings(setting: Callable[[str], Any]) -> Settings:
    """What a refiner reads that is made by its settings.

    Args:
        setting: Gives the value of a setting by its dotted key.
    """
    kind, identifier = setting("refiner.kind"), setting("refiner.identifier")
    if kind == "lifelong":
        return (*_LIFELONG, *(_HYPER if setting("memory.kind") == "hypercrl" else ()))
    read: list[str] = [*_REFINER]
    if setting("refiner.randomised") or kind == "context":
        read += _SIMULATED
    if not setting("refiner.clipped"):
        read += ["flow.field.box_scale"]
    if kind in ("l1", "indi"):
        read += ["refiner.filter", "flow.tracking.max_correction"]
    if kind not in FOLLOWING:
        return tuple(read)
    read += ["refiner.identifier"]
    if kind == "flow":
        read += _TRAINED
    if identifier == "published":
        return (*read, "flow.field.actions", "flow.tracking.false_alarms", "flow.tracking.evidence")
    read += ["refiner.limit"]
    if kind == "flow":
        read += ["flow.field.actions", "flow.integration.tolerance"]
    return (*read, *_TRACKING, *(_LEARNED if identifier in ("learned", "unstructured") else _STRUCTURED))
