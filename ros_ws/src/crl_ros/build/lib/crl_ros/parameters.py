"""Parameters of nodes: declared with type, meaning and range, read in one piece, refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from crl.errors import CrlError

MANY = 2**31 - 1


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: Name.
        default: Value if nobody gives one; its type is the parameter's.
        description: What it means, with its unit.
        low: Least value of a number.
        high: Greatest value of a number.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None

    def descriptor(self) -> ParameterDescriptor:
        """What ``ros2 param describe`` shows; ROS holds the range itself."""
        descriptor = ParameterDescriptor(name=self.name, description=self.description)
        if self.low is not None and self.high is not None:
            if isinstance(self.default, float):
                descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
            else:
                ends = {"from_value": int(self.low), "to_value": int(self.high), "step": 1}
                descriptor.integer_range = [IntegerRange(**ends)]
        return descriptor


def declare(node: Node, parameters: Sequence[Parameter]) -> None:
    """Declare parameters, with the values that the command line or a file gives them.

    Raises:
        CrlError: A value has another type, or is out of range.
    """
    for parameter in parameters:
        try:
            node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())
        except (ParameterException, TypeError, ValueError) as error:
            raise CrlError(
                f"the parameter {parameter.name} of {node.get_name()}: {error}",
                f"{parameter.description}; such as {parameter.default!r}",
            ) from error


def read(node: Node, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Values of parameters by name."""
    return {parameter.name: node.get_parameter(parameter.name).value for parameter in parameters}


def freeze(node: Node, parameters: Sequence[Parameter], when: str) -> Any:
    """Refuse changes of parameters from now on; returns the callback, for ``remove_on_set_parameters_callback``.

    Args:
        node: The node.
        parameters: Those that must stay as they are.
        when: When they can be changed, for the reason that is given.
    """
    names = {parameter.name for parameter in parameters}

    def refuse(wanted: Sequence[Any]) -> SetParametersResult:
        held = sorted(names & {parameter.name for parameter in wanted})
        if held:
            return SetParametersResult(successful=False, reason=f"{', '.join(held)} can be set only {when}")
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(refuse)
    return refuse
