"""Continual reinforcement learning, decided: finite machines, verdicts with witnesses, exact values.

Abel, Barreto, Van Roy, Precup, van Hasselt, Singh, *A Definition of Continual Reinforcement Learning*, NeurIPS 2023
(arXiv 2307.11046). What an agent *generates* and *reaches* is undecidable in general; for finite machines it is decided
here, in time linear in the edges of their product.
"""

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.continual import ProblemVerdict, is_continual_learner, is_continual_rl_problem
from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError, TooLarge
from crl.formal.fixed import fixed_policies, fixed_policy, reactive_policies, reactive_policy
from crl.formal.generation import generates
from crl.formal.interface import History, Interface
from crl.formal.learning_rule import LearningRule
from crl.formal.limits import Limits
from crl.formal.quantised_q import q_learning
from crl.formal.reaches import Reach, always_reaches, never_reaches, reach, sometimes_reaches
from crl.formal.replaying import Replay, check, replay
from crl.formal.toy_text import from_toy_text
from crl.formal.values import AverageReward, Discounted, Value, value
from crl.formal.verdict import Departure, Lasso, Rules, Settled, Unmatched, Verdict
from crl.formal.win_stay import win_stay_lose_shift
from crl.formal.window import ucb_bandit, window_bandit

__all__ = [
    "AgentBasis",
    "AverageReward",
    "Departure",
    "Discounted",
    "FiniteAgent",
    "FiniteEnvironment",
    "FormalError",
    "History",
    "Interface",
    "Lasso",
    "LearningRule",
    "Limits",
    "ProblemVerdict",
    "Reach",
    "Replay",
    "Rules",
    "Settled",
    "TooLarge",
    "Unmatched",
    "Value",
    "Verdict",
    "always_reaches",
    "check",
    "fixed_policies",
    "fixed_policy",
    "from_toy_text",
    "generates",
    "is_continual_learner",
    "is_continual_rl_problem",
    "never_reaches",
    "q_learning",
    "reach",
    "reactive_policies",
    "reactive_policy",
    "replay",
    "sometimes_reaches",
    "ucb_bandit",
    "value",
    "win_stay_lose_shift",
    "window_bandit",
]
