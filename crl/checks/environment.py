"""Promises of one task's environment: what training, evaluation and resuming take for granted."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from crl.checks.failure import CheckFailed
from crl.checks.finding import State
from crl.checks.played import Played, play
from crl.environment import TaskEnvironment
from crl.types import TaskSpec

HOOKS = ("get_episode_state", "set_episode_state")


@dataclass(frozen=True)
class Said:
    """What a promise that is kept has to say, and whether something could be better."""

    text: str
    hint: str | None = None
    state: State = "good"


@dataclass
class Trial:
    """A task that is tried.

    Attributes:
        spec: The task.
        env: Its environment.
        make: Makes another one.
        steps: Steps of a trial.
        seed: Seed of the trials.
        until: Monotonic time at which trials end, however far they are.
        plays: What was played from a reset on so far.
    """

    spec: TaskSpec
    env: TaskEnvironment
    make: Callable[[], TaskEnvironment]
    steps: int
    seed: int
    until: float
    plays: list[Played] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.until


def passes_gymnasium(trial: Trial) -> Said:
    """Gymnasium's own checker has nothing to say against the innermost environment."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Pictures need a graphics library that a training machine may lack.
            check_env(trial.env.unwrapped, skip_render_check=True, skip_close_check=True)
        except (Exception, SystemExit) as error:
            raise CheckFailed(
                f"fails gymnasium.utils.env_checker.check_env: {error}",
                "if it says that observations differ, they may hold NaN, which equals nothing",
            ) from error
    # Spaces without bounds are meant: a description gives the physical ones.
    meant = re.compile(r"observation space (min|max)imum value is -?infinity|symmetric and normalized space")
    words = [re.sub(r"\x1b\[\d*m", "", str(item.message)).strip() for item in caught]
    told = [word for word in dict.fromkeys(words) if not meant.search(word)]
    return Said("passes gymnasium.utils.env_checker.check_env" + "".join(f"; it remarks: {word}" for word in told))


def spaces_agree(trial: Trial) -> Said:
    """Spaces have the sizes and the range that the description says."""
    spec, env = trial.spec, trial.env
    kinds = []
    for name, space, size in (
        ("observation", env.observation_space, spec.observation.size),
        ("action", env.action_space, spec.action.size),
    ):
        if not isinstance(space, gymnasium.spaces.Box) or space.shape != (size,):
            raise CheckFailed(f"the {name} space is {space}, its description says Box of {size}")
        kinds.append(f"{name} {space.dtype}" + ("" if space.dtype == np.float32 else " (converted)"))
    box = env.action_space
    assert isinstance(box, gymnasium.spaces.Box)
    for end, actual, described in (("low", box.low, spec.action.low), ("high", box.high, spec.action.high)):
        if not np.array_equal(actual.astype(np.float32), np.asarray(described, dtype=np.float32)):
            raise CheckFailed(f"action_space.{end} is {actual}, its description says {described}")
    return Said(f"agree with the description: {', '.join(kinds)}")


def episodes_are_sound(trial: Trial) -> Said:
    """Three short episodes of random actions give sound transitions."""
    seeds = (trial.seed, trial.seed, trial.seed + 1)
    trial.plays = [play(trial.env, trial.steps, seed=seed, until=trial.until) for seed in seeds]
    faulty = [part for part in trial.plays if part.fault is not None]
    if len(faulty) == len(trial.plays):
        raise CheckFailed(
            f"every episode ends early, the first at step {len(faulty[0].rewards) + 1}: {faulty[0].fault}",
            "fix the environment: nothing can be learned from such steps",
        )
    seen = np.concatenate([part.observations for part in trial.plays])
    if len(seen) > len(trial.plays) and not np.ptp(seen, axis=0).any():
        raise CheckFailed(
            f"the observation is the same at all {len(seen)} times: {np.array2string(seen[0], threshold=6)}",
            "return what the robot senses now: nothing can be learned from an observation that never changes",
        )
    if faulty:
        return Said(
            f"{len(faulty)} of {len(trial.plays)} episodes end early, one at step {len(faulty[0].rewards) + 1}: "
            f"{faulty[0].fault}",
            "nothing is learned of such a step; five such episodes in a row stop a run",
            "warning",
        )
    return Said(f"{len(trial.plays)} episodes of {trial.steps} random steps give finite numbers of the right shape")


def seeds_decide(trial: Trial) -> Said:
    """The same seed gives the same episode to the bit, another seed another one."""
    first, again, other = trial.plays
    if not first.same(again):
        raise CheckFailed(
            f"two episodes with the seed {trial.seed} and the same actions differ",
            "draw every random number from self.np_random, and reset all state (solver warm starts too) in reset",
        )
    if np.array_equal(first.observations, other.observations):
        raise CheckFailed("the seed changes nothing: draw the initial state from self.np_random")
    return Said("the same seed gives the same episode to the bit, another seed another one")


def episodes_last(trial: Trial) -> Said:
    """An episode of safe actions ends neither early nor without ``is_success``."""
    spec, env = trial.spec, trial.env
    observation, _ = env.reset(seed=trial.seed)
    seen, rewards, flags = [observation], [], []
    action = np.asarray(spec.safe_action, dtype=np.float32)
    said = Said(f"the environment goes on after {spec.episode_steps} steps: its episodes are cut there")
    for step in range(1, spec.episode_steps + 1):
        observation, reward, terminated, truncated, info = env.step(action)
        if "fault" in info:
            raise CheckFailed(f"an episode of safe actions ends early at step {step}: {info['fault']}")
        if spec.has_success and not isinstance(info.get("is_success"), bool | np.bool_):
            raise CheckFailed(
                f"info['is_success'] is {info.get('is_success')!r} at step {step}, not a bool",
                'tell it in every step, or put "has_success": False into the description',
            )
        seen.append(observation)
        rewards.append(reward)
        flags.append((terminated, truncated, bool(info.get("is_success"))))
        if terminated:
            said = Said(f"the environment ends an episode of safe actions at step {step}")
            break
        if truncated and step < spec.episode_steps:
            raise CheckFailed(f"the episode is truncated after step {step}, episode_steps is {spec.episode_steps}")
        if truncated:
            said = Said(f"an episode of safe actions has its {step} steps")
        elif trial.over:
            said = Said(f"not played to the end: {step} of {spec.episode_steps} steps took long enough")
            break
    trial.plays.append(Played(np.array(seen), np.stack([action] * len(rewards)), np.array(rewards), flags))
    return said


def state_continues(trial: Trial) -> Said | None:
    """A state that is taken in the middle of an episode continues it to the bit, in a new environment too."""
    env, steps, seed = trial.env, trial.steps, trial.seed
    offered = [env.has_wrapper_attr(name) for name in HOOKS]
    if not any(offered):
        return None
    if not all(offered):
        raise CheckFailed(f"offers only one of {HOOKS[0]} and {HOOKS[1]}: give both or none")
    actions = play(env, steps, seed=seed).actions
    half = max(len(actions) // 2, 1)
    play(env, half, seed=seed, actions=actions[:half])
    state = env.get_wrapper_attr(HOOKS[0])()
    expected = play(env, steps - half, actions=actions[half:])
    other = trial.make()
    try:
        other.reset(seed=seed + 1)
        for name, target in (("the same", env), ("a new", other)):
            restore = target.get_wrapper_attr(HOOKS[1])
            restore(state)
            if not play(target, steps - half, actions=actions[half:]).same(expected):
                raise CheckFailed(
                    f"after {HOOKS[1]}({HOOKS[0]}()) in {name} environment the episode goes on differently",
                    "save everything that decides the future: physics with warm start, counters, random generator",
                )
            restore(state)
            drawn = target.unwrapped.np_random.random()
            restore(state)
            if drawn != target.unwrapped.np_random.random():
                raise CheckFailed(f"{HOOKS[1]} does not restore np_random")
    finally:
        other.close()
    return Said("an episode goes on to the bit from a state that was taken in its middle")


def angles_are_told(trial: Trial) -> Said | None:
    """No field jumps by a whole turn as an angle does, unless it is described as one."""
    spec = trial.spec
    offsets = zip(spec.observation.fields, spec.observation.offsets(), strict=True)
    linear = [(item.name, at) for item, at in offsets if item.kind == "linear"]
    turning = [name for name, at in linear if any(_wraps(part.observations[:, at]) for part in trial.plays)]
    if not turning:
        return None
    return Said(
        f"{', '.join(turning)} jumps by 2 pi from one step to the next, as an angle does where it wraps",
        'put "kind": "angle" into its field: else a model sees a jump, and the mean of two headings is nonsense',
        "note",
    )


def _wraps(values: NDArray[np.float32]) -> bool:
    """Whether numbers [N] keep to -pi..pi or 0..2 pi, move little, and now and then start again at the other end."""
    turn, slack = 2 * np.pi, 0.01
    if len(values) < 4 or not any(
        low - slack <= values.min() <= values.max() <= low + turn + slack for low in (-np.pi, 0)
    ):
        return False
    moves = np.diff(values.astype(np.float64))
    jumps = np.abs(moves) > np.pi
    usual = np.abs(moves[~jumps]).max(initial=0.0)
    return bool(jumps.any() and usual < 1.0 and (turn - np.abs(moves[jumps]) < 1.5 * usual + 0.05).all())
