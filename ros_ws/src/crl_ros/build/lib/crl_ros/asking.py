"""What an agent's node can be asked for about learning and remembered regimes: its services beside the e-stop's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from std_srvs.srv import SetBool, Trigger

from crl.errors import CrlError
from crl_ros.control import Driver
from crl_ros.parameters import MANY, Parameter, read

ABOUT = (
    Parameter("regime", -1, "number of the regime that the services are about; -1: the one in force", -1, MANY),
    Parameter("regime_name", "", "what ~/name_regime calls it, such as `worn left wheel`"),
)
"""Parameters that may change at any time: standard services have no room for a number or a name."""


class Asking:
    """Services ``~/learn``, ``~/name_regime`` and ``~/forget_regime`` of a node.

    Args:
        node: The node; it has the parameters :data:`ABOUT`.
        driver: Who drives.
    """

    def __init__(self, node: LifecycleNode, driver: Driver) -> None:
        self._node, self._driver = node, driver

    def services(self) -> list[tuple[Any, Any]]:
        """Make them; each with the function that ends it."""
        offered: tuple[tuple[type[Any], str, Callable[..., Any]], ...] = (
            (SetBool, "~/learn", self._learn),
            (Trigger, "~/name_regime", self._name),
            (Trigger, "~/forget_regime", self._forget),
        )
        made = [self._node.create_service(kind, name, answer) for kind, name, answer in offered]
        return [(self._node.destroy_service, service) for service in made]

    def _learn(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        driver = self._driver
        if not driver.learns:
            response.success, response.message = False, "this driver does not learn"
            return response
        driver.learning = request.data
        response.success = driver.learning == request.data
        response.message = "learning" if driver.learning else "not learning"
        return response

    def _name(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        about = read(self._node, ABOUT)
        name = about["regime_name"].strip()
        if not name:
            response.success, response.message = False, "regime_name is empty: set this parameter first"
            return response

        def change(regime: int) -> str:
            self._driver.name_regime(regime, name)
            return f"regime {regime} is called {name}"

        return self._changed(about["regime"], change, response)

    def _forget(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request

        def change(regime: int) -> str:
            self._driver.forget_regime(regime)
            return f"regime {regime} is forgotten"

        return self._changed(read(self._node, ABOUT)["regime"], change, response)

    def _changed(self, regime: int, change: Callable[[int], str], response: Trigger.Response) -> Trigger.Response:
        if regime < 0:
            regime = int(self._driver.status().get("regime_number") or 0)
        try:
            response.success, response.message = True, change(regime)
        except CrlError as error:
            response.success, response.message = False, str(error)
        return response
