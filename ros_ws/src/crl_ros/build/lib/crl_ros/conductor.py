"""Conducts nodes in other processes: changes their lifecycle states, calls their services, hears their diagnostics."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from crl.errors import CrlError
from crl_ros import qualities

TRANSITIONS = {
    "configure": (Transition.TRANSITION_CONFIGURE, "inactive"),
    "activate": (Transition.TRANSITION_ACTIVATE, "active"),
    "deactivate": (Transition.TRANSITION_DEACTIVATE, "inactive"),
    "cleanup": (Transition.TRANSITION_CLEANUP, "unconfigured"),
}
"""By name: number, and the state that it leads to."""
AGAIN = 2.0
"""Seconds after which a request without an answer is sent again."""
LONG = 60.0
"""Seconds that a transition may take: configuring loads networks and starts a learner."""
LOOK = 0.1


class ConductError(CrlError):
    """A node did not do what it was told, or is not there."""


class Conductor:
    """A node of its own, in a context of its own, that works only while it is called.

    Args:
        namespace: Namespace of the nodes that are conducted.
        name: Its own name.
        watch: Called again and again while something is waited for; raises to give up.
    """

    def __init__(self, namespace: str = "", name: str = "conductor", watch: Callable[[], None] | None = None) -> None:
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, namespace=namespace or None, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._watch = watch or (lambda: None)
        self._clients: dict[str, Any] = {}
        self.said: dict[str, tuple[str, dict[str, str]]] = {}
        """The last diagnostics of each node, by its name without namespace: message and values."""
        self.levels: dict[str, int] = {}
        """Their levels."""
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._listen, qualities.DIAGNOSTICS)

    def __enter__(self) -> Conductor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def spin(self, seconds: float) -> None:
        """Take in what comes within some seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def wait(self, condition: Callable[[], Any], seconds: float, what: str) -> None:
        """Take in what comes until a condition holds.

        Raises:
            ConductError: It does not within ``seconds``; ``what`` names it.
        """
        end = time.monotonic() + seconds
        while not condition():
            self._watch()
            if (left := end - time.monotonic()) <= 0:
                raise ConductError(f"{what} did not happen within {seconds:g} s")
            self._executor.spin_once(timeout_sec=min(left, LOOK))

    def call(self, kind: Any, service: str, request: Any, seconds: float = LONG) -> Any:
        """Call a service that may be called twice, waiting for it to be there.

        Raises:
            ConductError: It does not answer in time.
        """
        end = time.monotonic() + seconds
        while True:
            future = self._ask(kind, service, request, end - time.monotonic())
            with contextlib.suppress(ConductError):
                self.wait(future.done, min(AGAIN, max(end - time.monotonic(), 0.0)), "an answer")
            if future.done():
                return future.result()
            if time.monotonic() >= end:
                raise ConductError(f"{service} does not answer within {seconds:g} s")

    def _ask(self, kind: Any, service: str, request: Any, seconds: float) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        self.wait(client.service_is_ready, seconds, f"the service {service}")
        return client.call_async(request)

    def change(self, node: str, transition: str, seconds: float = LONG) -> None:
        """Change a node's lifecycle state.

        A request to a process that has just begun, or whose namesake has just ended, may be lost without a word; so the
        node's state is asked for until it answers, and the request sent again if it had no effect.

        Raises:
            ConductError: It refuses; the reason is what it said on ``/diagnostics``.
        """
        end = time.monotonic() + seconds
        number, goal = TRANSITIONS[transition]
        request = ChangeState.Request(transition=Transition(id=number))
        state = start = self.state(node, seconds)
        while state == start:
            future = self._ask(ChangeState, f"{node}/change_state", request, end - time.monotonic())
            with contextlib.suppress(ConductError):
                self.wait(future.done, AGAIN, "an answer")
            # The node answers one after another: after this answer the other one is there, or never comes.
            state = self.state(node, max(end - time.monotonic(), 0.1))
            if future.done() and not future.result().success:
                self.spin(1.2)  # diagnostics come once a second
                message, _ = self.said.get(node.rpartition("/")[2], ("", {}))
                raise ConductError(f"{node} refuses to {transition}: {message or 'see its log'}")
            if state == start and time.monotonic() >= end:
                raise ConductError(f"{node} does not {transition} within {seconds:g} s")
        if state != goal:
            raise ConductError(f"{node} is {state} after {transition}", "see its log")

    def state(self, node: str, seconds: float = LONG) -> str:
        """A node's lifecycle state, such as ``active``."""
        return str(self.call(GetState, f"{node}/get_state", GetState.Request(), seconds).current_state.label)

    def _listen(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.rpartition("/")[2]
            level = status.level
            self.said[name] = status.message, {pair.key: pair.value for pair in status.values}
            self.levels[name] = int.from_bytes(level, "little") if isinstance(level, bytes) else int(level)
