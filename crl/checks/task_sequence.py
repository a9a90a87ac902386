"""The checker of task sequences: descriptions, environments, states, rewards."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.utils.env_checker import check_env

from crl.checks.failure import CheckFailed
from crl.errors import CrlError
from crl.sequences import TaskSequence, load_sequence
from crl.types import TaskSpec

_TOLERANCE = 1e-4
"""Float32 arithmetic in two orders of operations; relative, and absolute near zero."""


@dataclass(frozen=True)
class _Played:
    """An episode's part: observations [steps + 1, S], executed actions [steps, A], rewards [steps], flags."""

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    flags: list[tuple[bool, bool, bool]]

    def same(self, other: _Played) -> bool:
        """Whether both are equal to the bit."""
        return (
            np.array_equal(self.observations, other.observations)
            and np.array_equal(self.rewards, other.rewards)
            and self.flags == other.flags
        )


def check_task_sequence(sequence: TaskSequence | str, *, steps: int = 30, seed: int = 0) -> None:
    """Check what training, planning and resuming take for granted of a task sequence.

    For every task: the description is valid and agrees with the spaces; Gymnasium's own checks pass; the same seed
    gives the same episode and another seed another one; the episode is truncated after ``episode_steps``;
    ``get_state`` and ``set_state``, where offered, continue an episode to the bit, in a new environment too; the
    reward function gives the rewards of the steps, the same numbers with torch as with numpy, over batches;
    success gives booleans. For every two tasks: equal spaces, and dynamics that really differ.

    Args:
        sequence: The sequence, or its name.
        steps: Steps of every trial.
        seed: Seed of the trials.

    Raises:
        CheckFailed: A promise is broken.
    """
    sequence = load_sequence(sequence) if isinstance(sequence, str) else sequence
    played: dict[str, tuple[_Played, gymnasium.Space[Any], gymnasium.Space[Any]]] = {}
    for index, task in enumerate(sequence.tasks):
        if task.name in played:  # the same task once more
            continue
        where = f"task {index} ({task.name!r}) of the sequence {sequence.name!r}"
        try:
            spec, env = sequence.spec(index), sequence.make(index)
        except (CrlError, ValueError) as error:
            raise CheckFailed(f"{where}: {error}") from error
        try:
            _check_gymnasium(env, where)
            _check_spaces(spec, env, where)
            part = _check_seeding(env, min(steps, spec.episode_steps), seed, where)
            _check_length(spec, env, seed, where)
            _check_state(functools.partial(sequence.make, index), env, min(steps, spec.episode_steps), seed, where)
            _check_functions(spec, part, where)
            played[task.name] = (part, env.observation_space, env.action_space)
        finally:
            env.close()
    for (name, (part, *spaces)), (other, (other_part, *other_spaces)) in itertools.combinations(played.items(), 2):
        pair = f"tasks {name!r} and {other!r} of the sequence {sequence.name!r}"
        if spaces != other_spaces:
            raise CheckFailed(f"{pair} have different spaces: {spaces} and {other_spaces}")
        if np.allclose(part.observations, other_part.observations, rtol=0, atol=1e-6):
            raise CheckFailed(
                f"{pair} behave alike: the same seed and actions give the same observations",
                "check that the keyword arguments reach the simulator, or use one name if the task is meant to repeat",
            )


def _check_gymnasium(env: gymnasium.Env[Any, Any], where: str) -> None:
    try:
        with warnings.catch_warnings():
            # Spaces without bounds are meant: a description gives the physical ones.
            warnings.filterwarnings("ignore", message=".*observation space (min|max)imum value is -?infinity.*")
            # Pictures need a graphics library that a training machine may lack.
            check_env(env.unwrapped, skip_render_check=True, skip_close_check=True)
    except Exception as error:
        raise CheckFailed(
            f"{where} fails gymnasium.utils.env_checker.check_env: {error}",
            "if it says that observations differ, they may hold NaN, which equals nothing",
        ) from error


def _check_spaces(spec: TaskSpec, env: gymnasium.Env[Any, Any], where: str) -> None:
    for name, space, size in (
        ("observation", env.observation_space, spec.observation.size),
        ("action", env.action_space, spec.action.size),
    ):
        if not isinstance(space, gymnasium.spaces.Box) or space.shape != (size,) or space.dtype != np.float32:
            raise CheckFailed(f"{where}: the {name} space is {space}, its description says Box of {size} float32")
    box = env.action_space
    assert isinstance(box, gymnasium.spaces.Box)
    for name, actual, described in (("low", box.low, spec.action.low), ("high", box.high, spec.action.high)):
        if not np.array_equal(actual, np.asarray(described, dtype=np.float32)):
            raise CheckFailed(f"{where}: action_space.{name} is {actual}, its description says {described}")


def _check_seeding(env: gymnasium.Env[Any, Any], steps: int, seed: int, where: str) -> _Played:
    first, again, other = (_play(env, steps, seed=s) for s in (seed, seed, seed + 1))
    if not first.same(again):
        raise CheckFailed(
            f"{where}: two episodes with the seed {seed} and the same actions differ",
            "draw every random number from self.np_random, and reset all state (solver warm starts too) in reset",
        )
    if np.array_equal(first.observations, other.observations):
        raise CheckFailed(f"{where}: the seed changes nothing: draw the initial state from self.np_random")
    if not np.isfinite(first.observations).all() or not np.isfinite(first.rewards).all():
        raise CheckFailed(f"{where}: an observation or a reward is not finite under random actions")
    return first


def _check_length(spec: TaskSpec, env: gymnasium.Env[Any, Any], seed: int, where: str) -> None:
    env.reset(seed=seed)
    action = np.asarray(spec.safe_action, dtype=np.float32)
    for step in range(1, spec.episode_steps + 1):
        _, _, terminated, truncated, info = env.step(action)
        if not isinstance(info.get("is_success"), (bool, np.bool_)):
            raise CheckFailed(f"{where}: info['is_success'] is {info.get('is_success')!r} at step {step}, not a bool")
        if terminated:
            return
        if truncated != (step == spec.episode_steps):
            verb = "is truncated" if truncated else "goes on"
            raise CheckFailed(f"{where}: the episode {verb} after step {step}, episode_steps is {spec.episode_steps}")


def _check_state(
    make: Callable[[], gymnasium.Env[Any, Any]], env: gymnasium.Env[Any, Any], steps: int, seed: int, where: str
) -> None:
    plain: Any = env.unwrapped
    offered = [hasattr(plain, name) for name in ("get_state", "set_state")]
    if not any(offered):
        return  # a resumed run then plays the interrupted episode again from its seed
    if not all(offered):
        raise CheckFailed(f"{where} offers only one of get_state and set_state: give both or none")
    actions = _play(env, steps, seed=seed).actions
    half = max(steps // 2, 1)
    _play(env, half, seed=seed, actions=actions[:half])
    state = plain.get_state()
    expected = _play(env, steps - half, actions=actions[half:])
    other = make()
    try:
        other.reset(seed=seed + 1)
        for name, target in (("the same", env), ("a new", other)):
            restored: Any = target.unwrapped
            restored.set_state(state)
            if not _play(target, steps - half, actions=actions[half:]).same(expected):
                raise CheckFailed(
                    f"{where}: after set_state(get_state()) in {name} environment the episode goes on differently",
                    "save everything that decides the future: physics with warm start, counters, random generator",
                )
            restored.set_state(state)
            drawn = restored.np_random.random()
            restored.set_state(state)
            if drawn != restored.np_random.random():
                raise CheckFailed(f"{where}: set_state does not restore np_random")
    finally:
        other.close()


def _check_functions(spec: TaskSpec, part: _Played, where: str) -> None:
    before, after = part.observations[:-1], part.observations[1:]
    arrays = (before, part.actions, after)
    singly = [float(spec.reward(*(array[i] for array in arrays))) for i in range(len(part.actions))]
    _agree(singly, part.rewards, f"{where}: reward(observation, action, next_observation)", "the rewards of the steps")
    trials: Mapping[str, Callable[[np.ndarray], Any]] = {
        "numpy": lambda array: array,
        "numpy in two batch dimensions": lambda array: array[None],
        "torch": torch.from_numpy,
        "torch in two batch dimensions": lambda array: torch.from_numpy(array)[None],
    }
    succeeded = [bool(spec.success(observation)) for observation in after]
    for name, convert in trials.items():
        with np.errstate(all="ignore"):
            try:
                inputs = [convert(array) for array in arrays]
                reward, success = spec.reward(*inputs), spec.success(inputs[2])
            except Exception as error:
                raise CheckFailed(
                    f"{where}: reward or success can't be computed with {name}: {error!r}",
                    "write them with array_api_compat.array_namespace and `...` indexing",
                ) from error
        shape = inputs[2].shape[:-1]
        for what, value in (("reward", reward), ("success", success)):
            if tuple(value.shape) != tuple(shape):
                raise CheckFailed(f"{where}: {what} with {name} has the shape {tuple(value.shape)}, not {tuple(shape)}")
        _agree(np.asarray(reward).reshape(-1), singly, f"{where}: reward with {name}", "that of single steps")
        if "bool" not in str(success.dtype) or np.asarray(success).reshape(-1).tolist() != succeeded:
            raise CheckFailed(f"{where}: success with {name} gives {success}, single steps {succeeded}")


def _agree(values: Any, expected: Any, what: str, than: str) -> None:
    values, expected = np.asarray(values, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    wrong = ~np.isclose(values, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise CheckFailed(f"{what} differs from {than}: {values[at]} against {expected[at]} (step {at})")


def _play(
    env: gymnasium.Env[Any, Any], steps: int, *, seed: int | None = None, actions: np.ndarray | None = None
) -> _Played:
    """Play up to ``steps`` steps, after a reset if there is a seed; by default always the same random actions."""
    if seed is not None:
        observation, _ = env.reset(seed=seed)
        observations = [observation]
    else:
        observations = []
    if actions is None:
        env.action_space.seed(0)
        actions = np.stack([env.action_space.sample() for _ in range(steps)])
    rewards, flags = [], []
    for action in actions[:steps]:
        observation, reward, terminated, truncated, info = env.step(action)
        observations.append(observation)
        rewards.append(float(reward))
        flags.append((bool(terminated), bool(truncated), bool(info.get("is_success"))))
        if terminated or truncated:
            break
    return _Played(np.array(observations), np.asarray(actions[: len(rewards)]), np.array(rewards), flags)
