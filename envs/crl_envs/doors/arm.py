"""MJCF of a seven-joint arm with two fingers on a pedestal, for :mod:`crl_envs.doors.door`.

The link lengths are those of a Franka Panda (Denavit-Hartenberg table in its public data sheet), the joint
ranges near its own (joint 6 turns further up, to point the hand level at a low handle); the shapes are
capsules and boxes. Its commands are MuJoCo's own actuators, so that nothing in Python runs between two
actions and the physical state is all the state there is:

* four ``velocity`` actuators on the point between the fingertips: along the axes of the world, and about
  the approach axis (roll). No integrated set point: a blocked hand pushes with at most ``HAND_FORCE``;
* two ``position`` actuators, stiff springs that keep the sixth link, hence the hand, pointing at the door;
* a passive spring at joint 3 that leaves no free elbow: the hand's pose decides the arm's;
* one ``position`` actuator on the sum of the finger openings. A stiff tendon keeps the fingers
  together, as the linkage of a real hand does.

Two collision groups: the arm (bit 1) meets the world, the latch (bit 2) meets the strike plate.
"""

from __future__ import annotations

BASE_HEIGHT = 0.65  # m, top of the pedestal
FINGER_OPEN = 0.045  # m, opening of one finger
HAND_SPEED = 0.3  # m/s at action 1
ROLL_SPEED = 1.5  # rad/s at action 1
HAND_FORCE = 50.0  # N along each axis
GRIP_FORCE = 60.0  # N of each finger
ROLL_LIMIT = 2.2  # rad, joint 7 either side of its start, so that no angle ever wraps

# Joints 1 to 6 with the hand level, pointing along x, in front of the door: inverse kinematics starts here.
HOME = (0.0, -0.20, 0.0, -2.60, 0.0, 3.97)

_DEFAULTS = f"""
  <default>
    <default class="arm">
      <joint damping="1" armature="0.1"/>
      <geom contype="1" conaffinity="0" rgba=".93 .93 .92 1" friction="0.3" solref="0.0067 1" material="plastic"/>
    </default>
    <default class="shell">
      <geom contype="0" conaffinity="0" rgba=".93 .93 .92 1" material="plastic"/>
    </default>
    <default class="finger">
      <joint type="slide" range="0 {FINGER_OPEN}" damping="100" armature="0.2" solreflimit="0.0067 1"/>
      <geom type="box" contype="1" conaffinity="0" friction="0.1" solref="0.0067 1" rgba=".25 .26 .28 1" material="plastic"/>
    </default>
    <default class="pad">
      <geom type="box" contype="1" conaffinity="0" friction="1.2 0.005 0.0001" priority="1" condim="4" solref="0.0067 1"
            rgba=".1 .1 .1 1"/>
    </default>
  </default>
"""


def defaults() -> str:
    """Default classes of the arm: ``<default>`` element."""
    return _DEFAULTS


def body(home_roll: float) -> str:
    """Pedestal and arm: elements of ``<worldbody>``.

    Args:
        home_roll: Angle of joint 7, rad, at which the hand's roll counts as zero: -pi/4 closes the
            fingers vertically, +pi/4 horizontally.
    """
    low, high = home_roll - ROLL_LIMIT, home_roll + ROLL_LIMIT
    return f"""
    <site name="axes" pos="0 0 {BASE_HEIGHT}" group="4"/>
    <geom name="pedestal" type="box" pos="0 0 {BASE_HEIGHT / 2}" size=".13 .13 {BASE_HEIGHT / 2}" contype="0"
          conaffinity="1" rgba=".28 .31 .36 1" material="plastic"/>
    <geom class="shell" type="cylinder" pos="0 0 {BASE_HEIGHT + 0.07}" size=".08 .07"/>
    <body name="link1" pos="0 0 {BASE_HEIGHT + 0.333}" gravcomp="1" childclass="arm">
      <joint name="joint1" range="-2.2 2.2"/>
      <geom class="shell" type="capsule" fromto="0 0 -.19 0 0 -.02" size=".068" mass="3"/>
      <body name="link2" quat="1 -1 0 0" gravcomp="1">
        <joint name="joint2" range="-1.76 1.76"/>
        <geom class="shell" type="capsule" fromto="0 0 -.05 0 0 .05" size=".069" mass="1.5" rgba=".55 .58 .62 1"/>
        <geom class="shell" type="capsule" fromto="0 0 0 0 -.13 0" size=".062" mass="1.5"/>
        <body name="link3" pos="0 -.316 0" quat="1 1 0 0" gravcomp="1">
          <joint name="joint3" range="-1.6 1.6" stiffness="40" damping="4"/>
          <geom name="upper_arm" type="capsule" fromto="0 0 -.16 .02 0 -.04" size=".06" mass="3"/>
          <body name="link4" pos=".0825 0 0" quat="1 1 0 0" gravcomp="1">
            <joint name="joint4" range="-3.0 -0.4"/>
            <geom name="elbow" type="capsule" fromto="0 0 -.05 0 0 .05" size=".058" mass="1.5" rgba=".55 .58 .62 1"/>
            <geom class="shell" type="capsule" fromto="0 .02 0 -.0825 .13 0" size=".052" mass="1.5"/>
            <body name="link5" pos="-.0825 .384 0" quat="1 -1 0 0" gravcomp="1">
              <joint name="joint5" range="-2.2 2.2"/>
              <geom name="forearm" type="capsule" fromto="0 0 -.25 0 0 -.04" size=".05" mass="3"/>
              <body name="link6" quat="1 1 0 0" gravcomp="1">
                <joint name="joint6" range="1.2 5.2"/>
                <geom name="wrist" type="capsule" fromto="0 0 -.045 0 0 .045" size=".05" mass="1" rgba=".55 .58 .62 1"/>
                <geom class="shell" type="capsule" fromto="0 0 0 .088 0 0" size=".045" mass=".6"/>
                <site name="wrist" xyaxes="0 -1 0 0 0 -1" group="4"/>
                <body name="link7" pos=".088 0 0" quat="1 1 0 0" gravcomp="1">
                  <joint name="joint7" range="{low:.6f} {high:.6f}" damping="0.3" armature="0.05"/>
                  <geom name="flange" type="capsule" fromto="0 0 -.01 0 0 .06" size=".044" mass=".7"/>
                  <geom class="shell" type="cylinder" fromto="0 0 .10 0 0 .107" size=".04" mass=".05" rgba=".55 .58 .62 1"/>
                  <body name="hand" pos="0 0 .107" quat="0.9238795325 0 0 -0.3826834324" gravcomp="1">
                    <geom name="palm" type="box" pos="0 0 .032" size=".03 .085 .032" mass=".6"/>
                    <site name="hand" pos="0 0 .1034" xyaxes="0 0 1 1 0 0" group="4"/>
                    <body name="finger1" pos="0 0 .0584" gravcomp="1" childclass="finger">
                      <joint name="finger1" axis="0 1 0"/>
                      <geom name="finger1" pos="0 .013 .027" size=".009 .009 .026" mass=".06"/>
                      <geom name="pad1" class="pad" pos="0 .003 .045" size=".0095 .003 .011" mass=".02"/>
                    </body>
                    <body name="finger2" pos="0 0 .0584" gravcomp="1" childclass="finger">
                      <joint name="finger2" axis="0 -1 0"/>
                      <geom name="finger2" pos="0 -.013 .027" size=".009 .009 .026" mass=".06"/>
                      <geom name="pad2" class="pad" pos="0 -.003 .045" size=".0095 .003 .011" mass=".02"/>
                    </body>
                  </body>
                </body>
              </body>
            </body>
          </body>
        </body>
      </body>
    </body>
    """


def tendons() -> str:
    """Linkage of the two fingers, and the opening that the gripper's actuator drives."""
    return """
  <tendon>
    <fixed name="opening"><joint joint="finger1" coef="1"/><joint joint="finger2" coef="1"/></fixed>
    <fixed name="linkage" stiffness="20000" damping="100" springlength="0">
      <joint joint="finger1" coef="1"/><joint joint="finger2" coef="-1"/>
    </fixed>
  </tendon>
"""


def actuators(twist: bool = False) -> str:
    """Actuators in the order of ``ctrl``: x, y, z, roll, opening, and two held rotations (always 0).

    With ``twist`` the two other rotations are commanded instead of held: x, y, z, roll, pitch, yaw, opening.
    """
    move = "".join(
        f'<velocity name="move_{axis}" site="hand" refsite="axes" gear="{gear}" kv="500" '
        f'forcerange="-{HAND_FORCE} {HAND_FORCE}"/>'
        for axis, gear in (("x", "1 0 0 0 0 0"), ("y", "0 1 0 0 0 0"), ("z", "0 0 1 0 0 0"))
    )
    turn = {
        name: f'<velocity name="{name}" site="hand" refsite="axes" gear="{gear}" kv="20" forcerange="-12 12"/>'
        for name, gear in (("roll", "0 0 0 1 0 0"), ("pitch", "0 0 0 0 1 0"), ("yaw", "0 0 0 0 0 1"))
    }
    hold = "".join(
        f'<position name="hold_{axis}" site="wrist" refsite="axes" gear="{gear}" kp="200" kv="20"/>'
        for axis, gear in (("y", "0 0 0 0 1 0"), ("z", "0 0 0 0 0 1"))
    )
    return f"""
  <actuator>
    {move}
    {turn["roll"]}
    {turn["pitch"] + turn["yaw"] if twist else ""}
    <position name="grip" tendon="opening" kp="6000" forcerange="-{GRIP_FORCE} {GRIP_FORCE}"/>
    {"" if twist else hold}
  </actuator>
"""
