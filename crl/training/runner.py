"""``crl train``: one run from its settings to its results, in a folder, resumable at any moment."""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import fingerprint, fingerprints, to_plain, to_yaml
from crl.config.declared.agents import kind_of
from crl.errors import CrlError, Interrupted
from crl.sequences import SequenceError, load_sequence
from crl.training.callbacks.base import Callback, RunStart, load_callbacks
from crl.training.checkpoints.names import step_and_revision
from crl.training.checkpoints.proving import prove
from crl.training.checkpoints.store import CheckpointError, CheckpointStore
from crl.training.clock import Clock
from crl.training.data.recorded import read_recorded
from crl.training.deriving import distilled
from crl.training.files.plain_data import plain
from crl.training.labelling.making import make_labelling
from crl.training.lives.beginning import begin, check_life
from crl.training.lives.storage import keep
from crl.training.loop import TrainingLoop
from crl.training.missions.flying import check_missions
from crl.training.order import step_budgets, task_order
from crl.training.preparing import prepare_torch
from crl.training.runs.folder import RunFolder, find_unfinished, run_name
from crl.training.runs.log import RunLog
from crl.training.runs.presence import Presence
from crl.training.runs.provenance import note_code
from crl.training.runs.rescue import rescue, rescue_unwritten
from crl.training.runs.results import collect_results
from crl.training.runs.results_file import read_results
from crl.training.runs.settings import settings_to_go_on
from crl.training.runs.trust import mark_as_own, named_code, require_trust
from crl.training.showing.progress import Progress
from crl.training.showing.telling import SimulatorFailed
from crl.training.together.beside import ALONE, Beside
from crl.training.trying import try_first
from crl.types import TaskSpec

STOPPING = "\nstopping when this episode or learning session is done and saved; once more stops at once\n"


def train(
    config: Config,
    progress: Progress | None = None,
    told: Mapping[str, Callback] | None = None,
    *,
    beside: Beside = ALONE,
) -> dict[str, Any]:
    """Run a configuration to its end.

    With ``resume`` the newest unfinished run of the same settings is continued from its last checkpoint (or the
    run called ``name``, whose results are returned if it is finished); where there is none, a new one starts.

    Args:
        config: The run's settings.
        progress: Where to show it; the terminal by default.
        told: Callbacks beside those that the settings name, by name.
        beside: What the run is given that is one of several in this process.

    Returns:
        What ``results.json`` holds.

    Raises:
        Interrupted: Ctrl-C; the run was saved and says how to go on.
        CrlError: A setting, the run folder or the simulator is at fault; what was learned is in the checkpoint.
    """
    prepare_torch(config)
    sequence = load_sequence(config.env.name)
    # All that can be wrong with the settings is found out before there is a folder.
    tasks = [sequence.spec(index) for index in task_order(config, sequence)]
    budgets = step_budgets(config, len(tasks))
    if config.life.steps is not None:
        check_life(config, sequence)
    elif kind_of(config).flies_missions:
        check_missions(config, sequence)
    agent = _agent(config, tasks[0], beside)
    tried = make_labelling(config, agent, tasks).about()
    if config.check and not config.resume:
        tried += try_first(config, sequence, plans=agent.actor.planner is not None)
    recorded = None
    if config.data.source is not None and not config.resume:
        recorded = read_recorded(config, sequence, task_order(config, sequence)[0])
    callbacks = load_callbacks(config.callbacks, told)
    folder, resumed = _folder(config)
    if folder.status() == "finished":
        return _finished(folder)
    mark_as_own(folder.path, named_code(config))
    clock = Clock(beside.cpu)
    start = RunStart(folder.path, to_plain(config), config.method, resumed)
    with folder.lock() as presence, callbacks.told(start), RunLog(folder, callbacks=callbacks) as log:
        note_code(folder)
        store = CheckpointStore(folder.checkpoints, keep=config.checkpoint.keep)
        shown = progress or Progress(sum(budgets), [task.name for task in tasks], beside.console)
        loop = TrainingLoop(config, sequence, agent, log, shown, clock)
        if not resumed:  # before there is a panel, which would show zeros
            loop.show()
        with closing(loop), shown:
            for line in tried:
                shown.message(line)
            if resumed and store.list():
                _restore(loop, store, shown)
                loop.show()
            elif config.life.steps is not None and config.life.run is not None:
                begin(config, sequence, loop)
                store.save(0, loop.state_dict())
            elif config.data.source is not None:
                # Saved at once, so that a run that goes on never learns from it twice.
                loop.pretrain(recorded or read_recorded(config, sequence, task_order(config, sequence)[0]))
                store.save(0, loop.state_dict())
            _work(config, loop, store, clock, presence, beside.stop)
            results = {**collect_results(config, loop, clock, str(folder.path)), **distilled(folder)}
            if not presence.there():
                rescue(config, loop, presence, results)
        folder.write_json(folder.results, results)
        callbacks.finish(plain(results))
    return results


def _agent(config: Config, task: TaskSpec, beside: Beside) -> Agent:
    agent = make_agent(config, task)
    if beside.computing is not None:
        agent.actor.compute_with(beside.computing)
    return agent


def resume_command(folder: RunFolder) -> str:
    """The command that continues a run."""
    return f"crl resume {shlex.quote(str(folder.path))}"


def _work(
    config: Config,
    loop: TrainingLoop,
    store: CheckpointStore,
    clock: Clock,
    presence: Presence,
    stop: threading.Event | None,
) -> None:
    """Do unit after unit, with a checkpoint whenever one is due; ``stop`` is set from outside to save and end."""

    def save() -> None:
        if not presence.there():
            rescue(config, loop, presence)
        with clock.phase("write"):
            try:
                store.save(loop.state.env_steps, loop.state_dict(), loop.state.revision)
            except CheckpointError as error:
                rescue_unwritten(config, loop, presence, error)
            keep(presence.path, loop.sequence.spec(0), loop.agent, loop.state.evaluation_steps)
            loop.log.write_timing("clock", loop.state.env_steps, clock.totals())

    written = time.monotonic()
    with interrupts() if stop is None else nullcontext(stop) as interrupted:
        while not loop.done:
            try:
                loop.unit()
            except (SimulatorFailed, SequenceError) as error:
                # The unit is complete, or has not begun: an environment that can't be made comes first in it.
                save()
                goes_on = f"when it is fixed, the run goes on with: {resume_command(RunFolder(presence.path))}"
                raise type(error)(error.message, f"{error.hint}\n{goes_on}" if error.hint else goes_on) from error
            if not presence.there():
                rescue(config, loop, presence)
            due = time.monotonic() - written >= config.checkpoint.seconds
            if due or loop.done or interrupted.is_set():
                save()
                written = time.monotonic()
            if interrupted.is_set() and not loop.done:
                raise Interrupted(resume_command(RunFolder(presence.path)))


def _restore(loop: TrainingLoop, store: CheckpointStore, shown: Progress) -> None:
    loaded = store.load_latest(lambda state: prove(loop.config, loop.sequence, state))
    problems = [*loaded.problems, *loop.load_state_dict(loaded.state)]
    if "revision" not in loaded.state["run"]:  # a version that counted the checkpoints of a step
        loop.state.revision = step_and_revision(loaded.path)[1]
    for problem in problems:
        shown.message(problem)
    shown.message(f"continued from the checkpoint at {loaded.step} environment steps")


def _folder(config: Config) -> tuple[RunFolder, bool]:
    """The folder to work in, and whether it is an older run's."""
    root = Path(config.run_dir)
    mark, *earlier = fingerprints(config)
    if config.resume:
        if config.name is not None and (root / config.name / "config.yaml").exists():
            folder = RunFolder.open(root / config.name)
            # Its own settings, read again: a default that is new since then is no difference.
            if fingerprint(settings_to_go_on(folder)) != mark:
                raise CrlError(
                    f"{folder.path} was made with other settings than these, so it can't be continued with them",
                    f"continue it with its own: {resume_command(folder)}",
                )
            return folder, True
        found = find_unfinished(root, (mark, *earlier)) if config.name is None else None
        if found is not None:
            folder = RunFolder.open(found)
            settings_to_go_on(folder)
            return folder, True
        if config.name is not None:
            _remove_remains(root / config.name)
    name = config.name or run_name(config.env.name, config.method, config.seed)
    folder = RunFolder.create(root, name, mark)
    folder.write_text(folder.config, to_yaml(config))
    return folder, False


def resume(path: Path) -> dict[str, Any]:
    """Continue an unfinished run with its own settings; a finished one gives its results.

    Raises:
        ChangedSettingsError: Its settings are not those that it was made with.
        CrlError: See :func:`train`.
    """
    folder = RunFolder.open(path)
    if folder.status() == "finished":
        return _finished(folder)
    config = settings_to_go_on(folder)
    require_trust(folder.path, named_code(config))
    config.run_dir, config.name, config.resume = str(folder.path.parent), folder.path.name, True
    return train(config)


def _finished(folder: RunFolder) -> dict[str, Any]:
    return {"tasks": [], **read_results(folder.path).entries, "run": str(folder.path)}  # it may have been moved since


def _remove_remains(path: Path) -> None:
    """Remove what a run leaves that was killed before it had settings, so that its name is free again."""
    if not path.is_dir() or path.is_symlink():
        return
    inside = list(path.iterdir())
    if all(item.name == "fingerprint" or item.name.endswith(".tmp") for item in inside):
        for item in inside:
            item.unlink()
        path.rmdir()


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one interrupts at once.

    So do SIGTERM, and SIGHUP, which a terminal sends when it is closed; under nohup the run goes on.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        event.set()
        signal.signal(number, before[signal.Signals(number)])
        # Not through the console: a signal may arrive while it is writing.
        with suppress(OSError):
            os.write(2, STOPPING.encode())

    for number in before:
        signal.signal(number, note)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
