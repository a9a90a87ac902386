"""ROS 2 nodes that run an agent of :mod:`crl` on a robot and let it learn while it drives.

``agent_node`` drives, ``sim_robot_node`` is a robot for those who have none, ``mission_node`` sends waypoints,
``recorder_node`` writes everything down; ``python -m crl_ros.bringup`` starts them without a launch system. Standard
messages and ``rclpy`` alone are used, so that every current distribution of ROS 2 can run them.
"""
