"""Drives a robot with a deployed agent, which goes on learning while it drives.

A lifecycle node in one thread. *Configure* loads the deployment, *activate* lets it drive, *deactivate* stops it. Every
command passes the safety wall; learning happens in a process of its own (:mod:`crl.deployment`).
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry, Path
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from std_msgs.msg import Bool, Empty
from std_srvs.srv import Trigger

from crl.errors import CrlError
from crl.safety.wall import SafeCommand
from crl_robots import RobotError, RobotMission
from crl_robots.recordings.ros_messages import fill_twist, reading_of, seconds, waypoints_of
from crl_robots.robot import checked, inside
from crl_ros import qualities
from crl_ros.asking import ABOUT, Asking
from crl_ros.control import Control
from crl_ros.drivers import make_driver
from crl_ros.health import ERROR, PERIOD, STEADY, WARN, Health
from crl_ros.inertial import ImuListener
from crl_ros.judging import judge, milliseconds
from crl_ros.lifeguard import Lifeguard
from crl_ros.listening import Listening
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
    Parameter("memory", "", "folder of the memory of regimes, if the run has one; empty: DEPLOYMENT_memory"),
    Parameter(
        "memory_learner", "", "where that memory is learned, inline or process; empty: as the run's settings say"
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
        declare(self, (*PARAMETERS, *ABOUT))
        self._health = Health(self)
        self._listening = Listening(self)
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
        self._flaws: Counter[str] = Counter()
        self._stamped = bool(wanted["enable_stamped_cmd_vel"])
        self._message: type[Any] = TwistStamped if self._stamped else Twist
        self._publisher = self.create_lifecycle_publisher(self._message, "cmd_vel", qualities.COMMANDS)
        self._heart = self.create_lifecycle_publisher(Empty, "heartbeat", qualities.COMMANDS)
        self._think = self.create_guard_condition(self._decide)
        subscribe = self._listening.subscribe
        self._entities = [
            (self.destroy_guard_condition, self._think),
            (self.destroy_lifecycle_publisher, self._publisher),
            (self.destroy_lifecycle_publisher, self._heart),
            (self.destroy_subscription, subscribe(Odometry, "odom", self._hear, qualities.NEWEST)),
            (self.destroy_subscription, subscribe(Path, "plan", self._plan, qualities.PLAN)),
            # Of another quality no message of the button would ever arrive: that counts as pressed.
            (
                self.destroy_subscription,
                subscribe(Bool, "e_stop", self._hear_e_stop, qualities.E_STOP, lambda: self._press(None)),
            ),
            *Asking(self, driver).services(),
            (self.destroy_service, self.create_service(Trigger, "~/reset_e_stop", self._reset)),
        ]
        self._imu = ImuListener(self._listening, self._control, self._complain, self._trouble, self._send_now)
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
        self._listening.forget()
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
        self._press(message.data)

    def _press(self, pressed: bool | None) -> None:
        """What the button says; ``None``: there is one that can't be heard."""
        assert self._control is not None
        self._control.wall.hear_e_stop(pressed)
        if pressed is not False:
            self.get_logger().warning("the e-stop is pressed", throttle_duration_sec=1.0)
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
    def _look_at_flaws(self, control: Control) -> None:
        """Odometry since the last look that could not be used."""
        new, self._flaws = control.flaws - self._flaws, Counter(control.flaws)
        if not new:
            self._trouble.pop("flaw", None)
        for flaw in new:
            self._complain("flaw", RobotError(f"odometry {flaw} is refused", "look at who publishes it"))

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
        self._listening.look()
        self._look_at_flaws(control)
        troubles = [*self._trouble.values(), *self._listening.deaf.values()]
        driving = self._beat is not None
        told = control.mission.info() if control.mission is not None else {"reached": 0, "waypoints": 0}
        values = {
            "driving": driving,
            "done": control.done,
            "reached": told["reached"],
            "waypoints": told["waypoints"],
            "stop": self._stop or "",
            "trouble": "; ".join(troubles),
            "clock_drift_s": control.wall.drift,
            "imu": self._imu.state,
            **{f"count.{name}": count for name, count in sorted(control.counts.items())},
            **{f"count.odometry {flaw}": count for flaw, count in sorted(control.flaws.items())},
            **{f"wall.{name}": count for name, count in sorted(control.wall.reasons.items())},
            **milliseconds(control),
            "longest_gap_ms": 1e3 * self._gaps.longest,
            "missed": self._gaps.missed,
            "rescues": 0 if self._lifeguard is None else self._lifeguard.rescues,
            "learner_pid": control.driver.learner_pid,
            **{f"pilot.{name}": value for name, value in status.items()},
        }
        stop = self._stop if driving else None
        self._health.say(*judge(control, status, driving, stop, troubles, self._listening.deaf.values()), values)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``agent_node``."""
    return run(AgentNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
