"""Drives a robot with a deployed agent, which goes on learning while it drives.

A lifecycle node in one thread. *Configure* loads the deployment, *activate* lets it drive, *deactivate* stops it. Every
command passes the safety wall; learning happens in a process of its own (:mod:`crl.deployment`).
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry, Path
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from std_msgs.msg import Bool, Empty
from std_srvs.srv import SetBool, Trigger

from crl.errors import CrlError
from crl.safety.wall import SafeCommand
from crl_robots import RobotError, RobotMission
from crl_robots.robot import checked, inside
from crl_robots.ros_messages import fill_twist, reading_of, seconds, waypoints_of
from crl_ros import qualities
from crl_ros.control import Control
from crl_ros.drivers import make_driver
from crl_ros.health import ERROR, OK, PERIOD, STEADY, WARN, Health
from crl_ros.inertial import ImuListener
from crl_ros.lifeguard import Lifeguard
from crl_ros.pace import Gaps, Pace
from crl_ros.parameters import MANY, Parameter, declare, freeze, read
from crl_ros.running import run

PARAMETERS = (
    Parameter("deployment", "", "folder that `crl deploy` made"),
    Parameter("robot", "", "name or file of the robot's description; empty: the deployment's own"),
    Parameter("follower", False, "without a deployment: drive with a plain waypoint follower, to check the wiring"),
    Parameter("learn", True, "whether the agent learns while it drives"),
    Parameter(
        "learner_rate", -1.0, "gradient steps per second; 0: as many as possible; -1: the deployment's own", -1.0, 1e5
    ),
    Parameter("seed", 0, "of the planner's random numbers", 0, MANY),
    Parameter("enable_stamped_cmd_vel", True, "cmd_vel is a TwistStamped; otherwise a Twist"),
)
DELIVERED = 0.3
"""Seconds that the last stop may take to arrive."""
JUST = 1e-3
"""Seconds after a time-out at which it has certainly passed."""
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class AgentNode(LifecycleNode):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("crl_agent")
        declare(self, PARAMETERS)
        self._health = Health(self)
        self._frozen: Any = None
        self._control: Control | None = None
        self._refusal: str | None = None
        self._latched = False
        self._lifeguard: Lifeguard | None = None
        self._beat: Any = None
        self._entities: list[tuple[Any, Any]] = []
        self.create_timer(PERIOD, self._say, clock=STEADY)

    # ------------------------------------------------------------------ transitions
    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Load the deployment; on any trouble the node stays unconfigured and says why."""
        del state
        self._refusal = None
        try:
            self._configure(read(self, PARAMETERS))
        except Exception as error:
            expected = isinstance(error, CrlError | OSError | ImportError)
            self._refusal = str(error) if expected else f"{type(error).__name__}: {error}"
            self.get_logger().error(f"not configured: {self._refusal}")
            self._tear_down()
            self._say()
            return FAILURE
        # What exists now stays: the collector need not look through it again while the robot moves.
        gc.collect()
        gc.freeze()
        return SUCCESS

    def _configure(self, wanted: dict[str, Any]) -> None:
        self._spec, driver = make_driver(wanted)
        self._control = Control(self._spec, driver)
        if self._latched:
            self._control.wall.e_stop.press()
        spec, period = self._spec, 1 / self._spec.command_rate
        self._health.hardware = spec.name
        self._pace, self._gaps = Pace(period), Gaps(period)
        self._stop: str | None = None
        self._sequence = 0
        self._plan_key: Any = None
        self._trouble: dict[str, str] = {}
        self._stamped = bool(wanted["enable_stamped_cmd_vel"])
        self._message: type[Any] = TwistStamped if self._stamped else Twist
        self._publisher = self.create_lifecycle_publisher(self._message, "cmd_vel", qualities.COMMANDS)
        self._heart = self.create_lifecycle_publisher(Empty, "heartbeat", qualities.COMMANDS)
        self._think = self.create_guard_condition(self._decide)
        # Of another quality no message of the button would ever arrive, and nobody would know.
        mismatch = SubscriptionEventCallbacks(incompatible_qos=self._deaf)
        self._entities = [
            (self.destroy_guard_condition, self._think),
            (self.destroy_lifecycle_publisher, self._publisher),
            (self.destroy_lifecycle_publisher, self._heart),
            (self.destroy_subscription, self.create_subscription(Odometry, "odom", self._hear, qualities.NEWEST)),
            (self.destroy_subscription, self.create_subscription(Path, "plan", self._plan, qualities.PLAN)),
            (
                self.destroy_subscription,
                self.create_subscription(Bool, "e_stop", self._hear_e_stop, qualities.E_STOP, event_callbacks=mismatch),
            ),
            (self.destroy_service, self.create_service(SetBool, "~/learn", self._learn)),
            (self.destroy_service, self.create_service(Trigger, "~/reset_e_stop", self._reset)),
        ]
        self._imu = ImuListener(self, self._control, self._complain, self._trouble, self._send_now)
        if spec.imu:
            self._entities.append((self.destroy_subscription, self._imu.listen()))
        self._frozen = freeze(self, PARAMETERS, "before the node is configured: clean it up first")
        self.get_logger().info(f"{spec.name}: {spec.decision_rate:g} decisions, {spec.command_rate:g} commands/s")

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Drive."""
        assert self._control is not None
        result = super().on_activate(state)
        self._gaps.pause()
        self._beat = self.create_timer(self._pace.period, self._tick, clock=STEADY)
        # Right after an observation becomes stale, not only at the next beat.
        self._deadline = self.create_timer(self._spec.timeouts.observation + JUST, self._send_now, clock=STEADY)
        self._lifeguard = Lifeguard(self._spec.timeouts.decision, self._rescue)
        return result

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop the robot, then fall silent: afterwards the publisher is mute."""
        self._halt("deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Give everything back; a pressed e-stop stays pressed."""
        del state
        self._tear_down()
        return SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop the robot, and give everything back."""
        del state
        self.leave()
        return SUCCESS

    def on_error(self, state: State) -> TransitionCallbackReturn:
        """Stop the robot, and begin anew from unconfigured."""
        return self.on_shutdown(state)

    def leave(self) -> None:
        """Stop the robot while it can still be told, and end the learner."""
        driven = self._beat is not None
        self._halt("shutdown")
        if driven:
            # What was published and not delivered yet would end with its publisher.
            self._publisher.wait_for_all_acked(Duration(seconds=DELIVERED))
        self._tear_down()

    def _halt(self, reason: str) -> None:
        """Send the stop, if the robot is being driven."""
        beat, self._beat = self._beat, None
        if beat is None:
            return
        self.destroy_timer(beat)
        self.destroy_timer(self._deadline)
        lifeguard, self._lifeguard = self._lifeguard, None
        if lifeguard is not None:
            lifeguard.close()
        assert self._control is not None
        self._send(self._control.stop(reason))

    def _tear_down(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            self._latched = control.wall.e_stop.latched
            control.driver.close()
        for destroy, entity in self._entities:
            destroy(entity)
        self._entities = []
        if self._frozen is not None:
            self.remove_on_set_parameters_callback(self._frozen)
            self._frozen = None

    # ------------------------------------------------------------------ what comes in
    def _hear(self, message: Odometry) -> None:
        control = self._control
        assert control is not None
        self._sequence += 1
        try:
            reading = reading_of(self._spec, message, self._sequence, control.clock())
        except RobotError as error:
            self._complain("odometry", error)
            return
        self._trouble.pop("odometry", None)
        refused = control.hear(reading)
        if self._beat is None:
            return
        if refused is None:
            self._deadline.reset()
        if not control.due:
            return
        left = self._beat.time_until_next_call()
        remaining = 0.0 if left is None else 1e-9 * left
        self._pace.arrived(remaining)
        # Otherwise it is made right after the coming command, which must not wait for it.
        if remaining > control.longest:
            self._think.trigger()

    def _plan(self, message: Path) -> None:
        assert self._control is not None
        points = [(pose.pose.position.x, pose.pose.position.y, pose.pose.position.z) for pose in message.poses]
        key = seconds(message.header.stamp), points
        if key == self._plan_key:
            return
        self._plan_key = key
        try:
            places = waypoints_of(self._spec, message)
            mission = RobotMission(self._spec, places, "plan") if places else None
        except RobotError as error:
            self._complain("plan", error)
            return
        self._trouble.pop("plan", None)
        self._control.plan(mission)
        if mission is not None and mission.remark is not None:
            self.get_logger().warning(mission.remark, throttle_duration_sec=60.0)
        self.get_logger().info(f"a plan of {len(points)} waypoints" if points else "the plan is withdrawn")

    def _hear_e_stop(self, message: Bool) -> None:
        assert self._control is not None
        self._control.wall.hear_e_stop(message.data)
        self._trouble.pop("e_stop", None)
        if message.data:
            self.get_logger().warning("the e-stop is pressed", throttle_duration_sec=1.0)
            self._send_now()

    def _deaf(self, event: Any) -> None:
        assert self._control is not None
        self._complain("e_stop", RobotError(f"an e-stop button of another quality can't be heard ({event})"))
        self._control.wall.hear_e_stop(None)
        self._send_now()

    def _complain(self, subject: str, error: CrlError) -> None:
        """Say it once, and in the diagnostics as long as it lasts."""
        if self._trouble.get(subject) != str(error):
            self._trouble[subject] = str(error)
            self.get_logger().error(str(error))

    # ------------------------------------------------------------------ what goes out
    def _tick(self) -> None:
        control = self._control
        assert control is not None
        assert self._lifeguard is not None
        self._send(control.command())
        self._lifeguard.pat()
        self._gaps.mark(control.clock())
        self._beat.timer_period_ns = round(1e9 * self._pace.next())
        # Not here: the executor first hears the odometry that came meanwhile.
        self._think.trigger()

    def _decide(self) -> None:
        control = self._control
        if control is None or self._beat is None:
            return
        was_done = control.done
        control.decide()
        if control.done and not was_done:
            self.get_logger().info("the mission is complete")
            self._say()

    def _send_now(self) -> None:
        """Something calls for a stop, which need not wait for the next beat: odometry is stale, the e-stop pressed."""
        if self._beat is not None and self._control is not None:
            self._send(self._control.command())

    def _send(self, command: SafeCommand) -> None:
        self._publish(checked(self._spec, command))
        if not command.stopped:
            self._heart.publish(Empty())
        stop = command.reason if command.stopped else None
        if stop != self._stop:
            self._stop = stop
            if stop is not None:
                self.get_logger().warning(f"stop: {stop}", throttle_duration_sec=1.0)

    def _publish(self, action: list[float]) -> None:
        message = self._message()
        if self._stamped:
            message.header.stamp = self.get_clock().now().to_msg()
            message.header.frame_id = self._spec.base_frame
        fill_twist(message.twist if self._stamped else message, self._spec.body, action)
        self._publisher.publish(message)

    def _rescue(self) -> None:
        """The control loop hangs: send the stop from here, without asking anybody."""
        self._publish(inside(self._spec, self._spec.limits.safe))

    # ------------------------------------------------------------------ services and diagnostics
    def _learn(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        assert self._control is not None
        driver: Any = self._control.driver
        if not hasattr(driver, "learning"):
            response.success, response.message = False, "this driver does not learn"
            return response
        driver.learning = request.data
        response.success = driver.learning == request.data
        response.message = "learning" if driver.learning else "not learning"
        return response

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        assert self._control is not None
        refused = self._control.reset()
        self._latched = self._control.wall.e_stop.latched
        response.success, response.message = refused is None, refused or "the e-stop is released"
        return response

    def _say(self) -> None:
        control = self._control
        if control is None:
            level = WARN if self._refusal is None else ERROR
            self._health.say(level, self._refusal or "not configured", {"driving": False})
            return
        try:
            status = control.driver.status()
        except Exception as error:
            status = {"status": f"{type(error).__name__}: {error}"}
        self._imu.look()
        driving = self._beat is not None
        told = control.mission.info() if control.mission is not None else {"reached": 0, "waypoints": 0}
        values = {
            "driving": driving,
            "done": control.done,
            "reached": told["reached"],
            "waypoints": told["waypoints"],
            "stop": self._stop or "",
            "imu": self._imu.state,
            **{f"count.{name}": count for name, count in sorted(control.counts.items())},
            **{f"wall.{name}": count for name, count in sorted(control.wall.reasons.items())},
            **_milliseconds(control),
            "longest_gap_ms": 1e3 * self._gaps.longest,
            "missed": self._gaps.missed,
            "rescues": 0 if self._lifeguard is None else self._lifeguard.rescues,
            "learner_pid": control.driver.learner_pid,
            **{f"pilot.{name}": value for name, value in status.items()},
        }
        self._health.say(*self._judge(control, status, driving), values)

    def _judge(self, control: Control, status: dict[str, Any], driving: bool) -> tuple[bytes, str]:
        """The most serious thing to say."""
        if control.wall.e_stop.latched:
            return ERROR, "the e-stop is pressed; release it and call ~/reset_e_stop"
        if control.failure is not None:
            return ERROR, f"no decision: {control.failure}"
        if self._trouble:
            return ERROR, "; ".join(self._trouble.values())
        if control.done:
            return OK, "the mission is complete"
        if driving and self._stop is not None and control.mission is not None:
            return WARN, f"stopped: {self._stop}"
        if status.get("learning") and not status.get("learner_alive", True):
            return WARN, "the learner has died; the last good weights drive on"
        if status.get("regime") == "unexplained":
            return WARN, "what the body does can't be explained"
        if status.get("regime") == "late":
            return WARN, f"commands are answered {status.get('delay')} control steps late"
        return OK, "driving" if driving and control.mission is not None else "waiting"


def _milliseconds(control: Control) -> dict[str, float]:
    if not control.milliseconds:
        return {}
    values = np.array(control.milliseconds)
    return {"decision_ms_p50": float(np.median(values)), "decision_ms_p99": float(np.percentile(values, 99))}


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``agent_node``."""
    return run(AgentNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
