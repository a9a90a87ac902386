"""The agent, its mission and perhaps a recorder, for a robot whose driver runs already.

Such as `ros2 launch crl_ros agent.launch.py deployment:=/path/to/deployment robot:=ugv_husky mission:=route.csv`.
The agent is configured and activated as soon as it is there. With `autostart:=false` that is done by hand:
`ros2 lifecycle set /crl_agent configure`, then `activate`.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, RegisterEventHandler
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.events.matchers import matches_node_name
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

ARGUMENTS = (
    ("deployment", "", "folder made by `crl deploy`"),
    ("robot", "ugv_husky", "name or file of the robot's description"),
    ("mission", "courtyard", "a map of crl, or a CSV file"),
    ("namespace", "", "namespace of all nodes"),
    ("params", PathJoinSubstitution([FindPackageShare("crl_ros"), "config", "agent.yaml"]), "parameter file"),
    ("use_sim_time", "false", "take stamps from /clock; watchdogs never do"),
    ("record", "false", "record all topics"),
    ("autostart", "true", "configure and activate the agent"),
)


def generate_launch_description():
    """What `ros2 launch` asks for."""
    given = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    text = {name: ParameterValue(given[name], value_type=str) for name in ("deployment", "robot", "mission")}
    common = {"package": "crl_ros", "namespace": given["namespace"], "output": "screen"}
    time = {"use_sim_time": ParameterValue(given["use_sim_time"], value_type=bool)}
    agent = LifecycleNode(
        executable="agent_node",
        name="crl_agent",
        parameters=[given["params"], {"deployment": text["deployment"], "robot": text["robot"], **time}],
        **common,
    )

    def change(transition):
        return EmitEvent(
            event=ChangeState(lifecycle_node_matcher=matches_node_name("crl_agent"), transition_id=transition),
            condition=IfCondition(given["autostart"]),
        )

    activate = RegisterEventHandler(
        OnStateTransition(
            target_lifecycle_node=agent,
            start_state="configuring",
            goal_state="inactive",
            entities=[change(Transition.TRANSITION_ACTIVATE)],
        )
    )
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            Node(
                executable="recorder_node",
                name="recorder",
                parameters=[given["params"]],
                condition=IfCondition(given["record"]),
                **common,
            ),
            Node(
                executable="mission_node",
                name="mission",
                parameters=[given["params"], {"robot": text["robot"], "mission": text["mission"], **time}],
                **common,
            ),
            activate,
            agent,
            change(Transition.TRANSITION_CONFIGURE),
        ]
    )
