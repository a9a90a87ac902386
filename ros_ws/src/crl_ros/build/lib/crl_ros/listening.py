"""Subscriptions that say when somebody can't be heard.

Publisher and subscription meet only if their qualities of service fit. Otherwise no message ever arrives, and only
rclpy's own log knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSPolicyKind, QoSProfile, qos_check_compatible


class Listening:
    """Makes a node's subscriptions, and keeps what is wrong with who publishes to them.

    Args:
        node: Who listens.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._met: dict[str, tuple[str, QoSProfile]] = {}
        self.deaf: dict[str, str] = {}
        """Topic -> which publishers are not heard, and why; those who have gone are forgotten at :meth:`look`."""

    def subscribe(
        self,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile,
        deaf: Callable[[], None] | None = None,
        **options: Any,
    ) -> Any:
        """As ``Node.create_subscription``; ``deaf`` is called when a publisher comes that can't be heard."""
        name = self._node.resolve_topic_name(topic)

        def met(event: Any) -> None:
            self._met[name] = QoSPolicyKind(event.last_policy_kind).name.lower(), profile
            self._say(name)
            if deaf is not None:
                deaf()

        events = SubscriptionEventCallbacks(incompatible_qos=met)
        return self._node.create_subscription(kind, topic, callback, profile, event_callbacks=events, **options)

    def look(self) -> None:
        """Once a second: who can't be heard now."""
        for topic in self._met:
            if self._others(topic):
                self._say(topic)
            else:
                self.deaf.pop(topic, None)

    def forget(self) -> None:
        """The subscriptions have been destroyed."""
        self._met.clear()
        self.deaf.clear()

    def _say(self, topic: str) -> None:
        """Once in the log, and as long as it lasts in :attr:`deaf`."""
        policy, profile = self._met[topic]
        who = ", ".join(self._others(topic)) or "a publisher"
        wanted = f"{profile.reliability.name}, {profile.durability.name}".lower().replace("_", " ")
        text = f"{who} can't be heard on {topic}: its {policy} does not fit; publish it {wanted}"
        if self.deaf.get(topic) != text:
            self.deaf[topic] = text
            self._node.get_logger().error(text)

    def _others(self, topic: str) -> list[str]:
        """Names of the nodes that publish with a quality that does not fit."""
        found = self._node.get_publishers_info_by_topic(topic)
        _, profile = self._met[topic]
        names = {
            f"{info.node_namespace.rstrip('/')}/{info.node_name}"
            for info in found
            if qos_check_compatible(info.qos_profile, profile)[0] == QoSCompatibility.ERROR
        }
        return sorted(names)
