"""The life of a node's process: one thread, an orderly end whatever signal ends it, errors in one line."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from crl.errors import CrlError

USER_ERROR = 2
LOOK = 0.1
"""Seconds after which a node without anything to do looks whether it was told to end."""


def run(make: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Make a node and spin it in one thread until SIGINT or SIGTERM; return the exit code.

    rclpy's own signal handlers end the context at once, and then no stop can be published any more; so these only ask
    the loop to end. An exception in a callback ends the process, after the node's ``leave``: a node in an unknown state
    must not go on.
    """
    rclpy.init(args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO)
    ending: list[int] = []

    def end(number: int, frame: Any) -> None:
        del frame
        ending.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    executor = SingleThreadedExecutor()
    node: Node | None = None
    try:
        node = make()
        executor.add_node(node)
        while rclpy.ok() and not ending:
            executor.spin_once(timeout_sec=LOOK)
    except CrlError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return USER_ERROR
    finally:
        if node is not None:
            leave = getattr(node, "leave", None)
            if leave is not None:
                leave()
            executor.remove_node(node)
            node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
    return 0
