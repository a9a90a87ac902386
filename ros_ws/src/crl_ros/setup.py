"""The ROS 2 package of crl: for ``colcon build``, or ``pip install ./ros_ws/src/crl_ros`` beside the extra ``ros``."""

from pathlib import Path

from setuptools import setup

NAME = "crl_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(map(str, Path("launch").glob("*.launch.py")))),
        (f"share/{NAME}/config", sorted(map(str, Path("config").glob("*.yaml")))),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="The crl authors",
    maintainer_email="crl@example.org",
    description="Lifecycle nodes that run an agent of crl on a robot and let it learn while it drives.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "agent_node = crl_ros.agent_node:main",
            "sim_robot_node = crl_ros.sim_robot_node:main",
            "mission_node = crl_ros.mission_node:main",
            "recorder_node = crl_ros.recorder_node:main",
            "bringup = crl_ros.bringup:main",
        ],
    },
)
