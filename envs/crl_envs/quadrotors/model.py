"""The quadrotor's body: a free rigid body with four motors, in MuJoCo, and its constants.

Axes of the body: x ahead, y to the left, z up. Motors: 0 front left, 1 front right, 2 rear left, 3 rear right; 0 and 3
push the nose to the left (positive yaw), 1 and 2 to the right.
"""

from __future__ import annotations

import math

import mujoco

TIME_STEP = 0.002
"""Physics step and period of the rate loop (s)."""
MASS = 1.2
"""kg."""
INERTIA = (0.012, 0.012, 0.02)
"""Principal moments about x, y, z (kg m2)."""
ARM = 0.17
"""Distance of a motor from the middle (m)."""
OFFSET = ARM / math.sqrt(2)
"""The same along x and along y (m)."""
GRAVITY = 9.81
THRUST_TO_WEIGHT = 2.1
MOTOR_THRUST = THRUST_TO_WEIGHT * MASS * GRAVITY / 4
"""Greatest thrust of a motor (N)."""
MOTOR_LAG = 0.03
"""Time constant of a motor (s)."""
YAW_ARM = 0.016
"""Reaction torque of a motor per thrust (m)."""
SPINS = (1.0, -1.0, -1.0, 1.0)
PLACES = ((OFFSET, OFFSET), (OFFSET, -OFFSET), (-OFFSET, OFFSET), (-OFFSET, -OFFSET))
"""Motors from the middle: x, y (m)."""
LINEAR_DRAG = 0.25
"""N s/m."""
QUADRATIC_DRAG = 0.04
"""N s2/m2."""
GROUND = 0.1
"""Height of the middle at which the body touches the ground (m)."""
PAYLOAD_ARM = 0.05
"""Radius of gyration of a payload, which sits in the middle (m)."""

_XML = """
<mujoco model="quadrotor">
  <compiler angle="radian"/>
  <option timestep="{time_step}" integrator="Euler" jacobian="dense" gravity="0 0 -{gravity}"/>
  <default><geom contype="0" conaffinity="0" mass="0"/></default>
  <visual><headlight ambient=".45 .45 .45" diffuse=".4 .4 .4" specular=".1 .1 .1"/></visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="1 1 1" rgb2=".75 .82 .9" width="64" height="64"/>
    <texture name="floor" type="2d" builtin="checker" rgb1=".82 .84 .87" rgb2=".74 .77 .81" width="128" height="128"/>
    <material name="floor" texture="floor" texrepeat="1 1" texuniform="true"/>
    <material name="frame" rgba=".25 .27 .32 1"/>
  </asset>
  <worldbody>
    <light type="directional" pos="0 -3 8" dir=".2 .4 -.85" diffuse=".5 .5 .5" castshadow="false"/>
    <camera name="overview" pos="{view_x} {view_y} {view_z}" xyaxes="1 0 0 0 {up_y} {up_z}" fovy="45"/>
    <geom name="floor" type="plane" size="0 0 .1" material="floor"/>
    {waypoints}
    <body name="quadrotor">
      <freejoint name="free"/>
      <inertial pos="0 0 0" mass="{mass}" diaginertia="{jx} {jy} {jz}"/>
      <camera name="view" pos="-1.6 0 .75" xyaxes="0 -1 0 .42 0 1" fovy="50" mode="track"/>
      <geom type="box" size=".06 .045 .025" rgba=".2 .35 .6 1"/>
      <geom type="box" size=".012 .03 .012" pos=".07 0 .005" rgba=".9 .5 .15 1"/>
      <geom type="capsule" fromto="{o} {o} 0 -{o} -{o} 0" size=".01" material="frame"/>
      <geom type="capsule" fromto="{o} -{o} 0 -{o} {o} 0" size=".01" material="frame"/>
      {motors}
    </body>
  </worldbody>
  <actuator>
    {actuators}
  </actuator>
</mujoco>
"""
_MOTOR = """<site name="motor{i}" pos="{x} {y} .02"/>
      <geom type="cylinder" pos="{x} {y} .015" size=".014 .015" material="frame"/>
      <geom type="cylinder" pos="{x} {y} .033" size=".07 .002" rgba="{colour} .55"/>"""
# filterexact: a first-order lag, integrated exactly; its state is part of MuJoCo's, so it is saved with the physics.
_ACTUATOR = """<general site="motor{i}" gear="0 0 1 0 0 {yaw}" dyntype="filterexact" dynprm="{lag}"
             ctrllimited="true" ctrlrange="0 {most}"/>"""


def build_model(points: list[tuple[float, float, float]]) -> mujoco.MjModel:
    """Compile the body over a floor, with waypoints (m) drawn as spheres that nothing touches."""
    motors, actuators = [], []
    for i, (x, y) in enumerate(PLACES):
        colour = ".9 .5 .15" if x > 0 else ".3 .3 .35"
        motors.append(_MOTOR.format(i=i, x=x, y=y, colour=colour))
        actuators.append(_ACTUATOR.format(i=i, yaw=YAW_ARM * SPINS[i], lag=MOTOR_LAG, most=MOTOR_THRUST))
    spheres = [
        f'<geom name="waypoint{i}" type="sphere" pos="{x} {y} {z}" size=".06" rgba=".15 .65 .3 .6"/>'
        for i, (x, y, z) in enumerate(points)
    ]
    # The overview looks at the middle of the waypoints from the south, a little from above.
    low, high = (tuple(pick(point[i] for point in points) for i in range(3)) for pick in (min, max))
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    width = max(high[0] - low[0], high[1] - low[1], 2.0)
    back, above = 1.15 * width, 0.75 * width
    xml = _XML.format(
        time_step=TIME_STEP,
        gravity=GRAVITY,
        mass=MASS,
        jx=INERTIA[0],
        jy=INERTIA[1],
        jz=INERTIA[2],
        o=OFFSET,
        view_x=middle[0],
        view_y=middle[1] - back,
        view_z=middle[2] + above,
        up_y=above,
        up_z=back,
        waypoints="\n    ".join(spheres),
        motors="\n      ".join(motors),
        actuators="\n    ".join(actuators),
    )
    return mujoco.MjModel.from_xml_string(xml)
