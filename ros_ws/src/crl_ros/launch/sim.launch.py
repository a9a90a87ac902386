"""A simulated robot, and the agent that drives it.

Such as `ros2 launch crl_ros sim.launch.py deployment:=/path/to/deployment fault:='{sides: [0.6, 1.0]}'`.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("crl_ros")
PASSED_ON = ("deployment", "robot", "mission", "namespace", "params", "record", "autostart")
ARGUMENTS = (
    ("deployment", "", "folder made by `crl deploy`"),
    ("robot", "ugv_husky", "name or file of the robot's description"),
    ("mission", "courtyard", "a map of crl, or a CSV file"),
    ("namespace", "", "namespace of all nodes"),
    ("params", PathJoinSubstitution([SHARE, "config", "agent.yaml"]), "parameter file"),
    ("record", "false", "record all topics"),
    ("autostart", "true", "configure and activate the agent"),
    ("fault", "", "what goes wrong with the robot, as YAML"),
    ("inject", "0.5", "share of the waypoints from which it is on"),
)


def generate_launch_description():
    """What `ros2 launch` asks for."""
    given = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    body = {name: ParameterValue(given[name], value_type=str) for name in ("robot", "mission", "fault")}
    body["inject"] = ParameterValue(given["inject"], value_type=float)
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            Node(
                package="crl_ros",
                executable="sim_robot_node",
                name="sim_robot",
                namespace=given["namespace"],
                parameters=[given["params"], body],
                output="screen",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", "agent.launch.py"])),
                launch_arguments={name: given[name] for name in PASSED_ON}.items(),
            ),
        ]
    )
