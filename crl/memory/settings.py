"""Settings of a memory of regimes."""

from __future__ import annotations

from dataclasses import dataclass, field

from crl.memory.belief import BeliefConfig

KINDS = ("contexts", "networks", "hypercrl")


@dataclass(frozen=True)
class MemoryConfig:
    """What is remembered, and how."""

    kind: str = "networks"
    """``contexts``: the nominal model under remembered contexts; ``networks``: a network per regime; ``hypercrl``: one
    hypernetwork with an embedding per regime."""
    most: int = 64
    """Greatest number of regimes."""
    hidden: tuple[int, ...] = (48, 48)
    """Hidden layers of the network whose weights regimes have."""
    curved: float = 3.0
    """Factor on the first layer's initial weights. A network that has only learned a body whose changes go with its
    commands is all but linear in them; wider first weights keep features that bend, from which kinks are learned."""
    base_steps: int = 3000
    """Gradient steps on the nominal body before a life begins."""
    steps: int = 4
    """Learning steps per control step."""
    lr: float = 1e-2
    """Learning rate of a network (``networks``)."""
    lr_hyper: float = 1e-3
    """Learning rate of the hypernetwork and of its embeddings (``hypercrl``)."""
    batch: int = 64
    """Transitions per learning step."""
    beta: float = 5.0
    """Weight of what protects the other regimes (``hypercrl``)."""
    embedding: int = 10
    """Size of an embedding (``hypercrl``)."""
    structure: str = "matrix"
    """Channel structure of bridges and contexts; see ``flow.structure``."""
    belief: BeliefConfig = field(default_factory=BeliefConfig)
    """The loop of belief."""
