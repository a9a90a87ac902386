"""The process that learns a memory: ``python -m crl.memory.beside.child``, started by :mod:`crl.memory.beside.process`.

It gets what a memory is made from, and then requests, which it answers one after the other. It keeps nothing but its
last lesson: a request that brings another one begins with a fresh memory. It runs at a lower priority and in one
thread, unpickles nothing, listens to nobody else, and ends when its parent does.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crl.processes.child import LOOK, NICE

if TYPE_CHECKING:
    from crl.memory.beside.letters import Answer, Foundation, Request
    from crl.memory.models.memory import Memory


class Pupil:
    """Answers requests.

    Args:
        foundation: What memories are made from.
    """

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._memory = self._fresh()

    def _fresh(self) -> Memory:
        from crl.memory.making import make_lifelong, read_body

        of = self._foundation
        body = read_body(of.config, of.observation, of.action)
        return make_lifelong(of.config, of.ground, body, of.action, of.measured).memory

    def answer(self, request: Request) -> Answer:
        """Learn what was asked for."""
        import torch

        from crl.memory.beside.letters import Answer
        from crl.memory.models.steps import Steps

        if request.lesson is not None:
            self._memory = self._fresh()
        request.fill(self._memory)
        if request.lesson is not None:
            self._memory.take_lesson(request.regime, request.lesson)
        generator = torch.Generator().manual_seed(request.seed)
        loss = self._memory.learn(request.regime, Steps(*request.rows), request.steps, generator)
        return Answer(request.number, loss, self._memory.lesson(request.regime))


def serve(end: socket.socket, parent: int) -> None:
    """Answer requests until the other end is closed or the parent is gone.

    Args:
        end: Where they come from; the first letter is what a memory is made from.
        parent: Process id of the parent.
    """
    from crl.memory.beside.letters import Foundation, Request
    from crl.processes.letters import receive, send

    pupil: Pupil | None = None
    while os.getppid() == parent:
        if not select.select([end], [], [], LOOK)[0]:
            continue
        try:
            letter: dict[str, Any] = receive(end)
        except EOFError:
            return
        if pupil is None:
            pupil = Pupil(Foundation.of(letter))
        elif not send(end, vars(pupil.answer(Request(**letter)))):
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="crl.memory.beside.child", description="started by crl, not by hand")
    for name in ("frames", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args(arguments)
    os.nice(NICE)

    import torch

    from crl.errors import CrlError

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with socket.socket(fileno=given.frames) as end:
        try:
            serve(end, given.parent)
        except CrlError as error:
            print(f"the memory can't be learned: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking the libraries down takes long at low priority, and there is nothing to save
