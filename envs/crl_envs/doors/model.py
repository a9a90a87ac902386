"""MJCF of the five doors of :mod:`crl_envs.doors.door`: panel, frame, handles and the geometric latch.

x points from the robot to the door, y to the left, z up. The hinge is on the left, the door opens
towards the robot. The latch is an arm behind the panel, rigid with the handle: it reaches past the
edge of the door and lies behind a strike plate, until the handle has turned far enough (0.6 rad) for the
arm to pass above or below the plate. Nothing but contact keeps the door closed.
"""

from __future__ import annotations

import dataclasses
import math

import mujoco

from crl_envs.doors import arm as door_arm

TIMESTEP = 1 / 300  # s: 30 steps per action
HANDLE_HEIGHT = 1.0  # m
DOOR_FRONT = 0.76  # m, x of the panel's front face
DOOR_THICKNESS = 0.04  # m
HINGE_Y = 0.42  # m
DOOR_WIDTH = 0.50  # m; the free edge is 0.08 m beyond the handle's axle at y = 0
STAND_OFF = 0.06  # m, handle's centre line to the panel
HANDLE_LIMIT = 1.2  # rad
LATCH_ANGLE = 0.6  # rad
_LATCH_HALF = 0.008  # m, half the height of the latch arm
_PLATE_INNER = 0.085  # m from the axle to the nearest edge of the plate


@dataclasses.dataclass(frozen=True)
class Handle:
    """What differs between doors.

    Attributes:
        shape: ``bar``, ``round`` or ``lever``.
        direction: -1 or +1, the sense about +x (away from the robot) in which the handle turns; 0: fixed.
        thickness: Handle's thickness between the pads, m.
        grasp: Grasp site relative to the axle in the plane of the door (y, z), m.
        home_roll: Angle of joint 7 at which the fingers fit the handle, rad.
        stiffness: Spring of the handle, N m/rad.
        preload: Angle by which that spring is wound when the handle rests, rad.
    """

    shape: str
    direction: int
    thickness: float
    grasp: tuple[float, float] = (0.0, 0.0)
    home_roll: float = -math.pi / 4
    stiffness: float = 0.4
    preload: float = 0.7


HANDLES: dict[str, Handle] = {
    "pull": Handle("bar", 0, 0.022, home_roll=math.pi / 4),
    "round_minus": Handle("round", -1, 0.050),
    "lever_minus": Handle("lever", -1, 0.022, grasp=(0.08, 0.0), stiffness=0.6),
    "round_plus": Handle("round", +1, 0.050),
    "lever_plus": Handle("lever", +1, 0.022, grasp=(0.08, 0.0), stiffness=0.6),
}


def _handle_geoms(handle: Handle) -> str:
    """Shapes of a handle around its axle (origin on the centre line of the grip, x into the door)."""
    metal = 'class="handle"'
    radius = handle.thickness / 2
    stem = f'<geom {metal} type="capsule" fromto="0.01 0 0 {STAND_OFF} 0 0" size=".011" mass=".1"/>'
    rosette = f'<geom class="shell" type="cylinder" fromto="{STAND_OFF - 0.006} 0 0 {STAND_OFF} 0 0" size=".027" rgba=".62 .52 .3 1" mass="0"/>'
    if handle.shape == "round":
        # A capsule along the axle: a knob with a rounded front.
        return f'<geom name="handle" {metal} type="capsule" fromto="-.014 0 0 .014 0 0" size="{radius}" mass=".25"/>{stem}{rosette}'
    if handle.shape == "lever":
        return f'<geom name="handle" {metal} type="capsule" fromto="0 0 0 0 .125 0" size="{radius}" mass=".2"/>{stem}{rosette}'
    mounts = "".join(
        f'<geom {metal} type="capsule" fromto="0 0 {z} {STAND_OFF} 0 {z}" size=".011" mass=".1"/>'
        for z in (-0.12, 0.12)
    )
    return f'<geom name="handle" {metal} type="capsule" fromto="0 0 -.12 0 0 .12" size="{radius}" mass=".4"/>{mounts}'


def _latch(handle: Handle, height: float) -> tuple[str, str, str]:
    """Handle's joint, latch arm (both in the handle's body) and strike plate (in the frame)."""
    if handle.direction == 0:
        return "", "", ""
    low, high = sorted((0.0, handle.direction * HANDLE_LIMIT))
    joint = (
        f'<joint name="handle" axis="1 0 0" range="{low} {high}" stiffness="{handle.stiffness}" '
        f'springref="{-handle.direction * handle.preload}" damping="0.05" armature="0.002" solreflimit="0.01 1"/>'
    )
    behind = STAND_OFF + DOOR_THICKNESS
    reach = _PLATE_INNER + 0.055
    arm = (
        f'<geom name="latch" class="latch" type="box" pos="{behind + 0.010} {-reach / 2} 0" '
        f'size=".008 {reach / 2} {_LATCH_HALF}" mass=".1"/>'
    )
    # The arm's nearer face passes the plate's inner corner at exactly LATCH_ANGLE, less a millimetre.
    half = _PLATE_INNER * math.tan(LATCH_ANGLE) - _LATCH_HALF / math.cos(LATCH_ANGLE) - 0.001
    back = DOOR_FRONT + DOOR_THICKNESS + 0.0017  # 0.3 mm of play
    plate = (
        f'<geom name="strike_plate" class="frame" type="box" pos="{back - 0.018} {-_PLATE_INNER - 0.033} {height}" '
        f'size=".018 .033 {half}" conaffinity="3" rgba=".72 .73 .76 1" material="metal"/>'
    )
    return joint, arm, plate


def mjcf(handle: Handle, twist: bool = False, raised: float = 0.0) -> str:
    """The whole scene as MJCF; ``twist`` as in :func:`crl_envs.doors.arm.actuators`, the door ``raised`` by so many m."""
    height = HANDLE_HEIGHT + raised
    joint, arm, plate = _latch(handle, height)
    middle = DOOR_FRONT + DOOR_THICKNESS / 2
    grasp_y, grasp_z = handle.grasp
    return f"""
<mujoco model="door">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP!r}" integrator="implicitfast" jacobian="dense" cone="elliptic" impratio="5"
          iterations="20" ls_iterations="20" tolerance="1e-8"/>
  <size memory="2M"/>
  <visual>
    <headlight ambient=".38 .38 .38" diffuse=".35 .35 .35" specular=".1 .1 .1"/>
    <quality offsamples="4"/>
    <global offwidth="1280" offheight="960"/>
  </visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1=".86 .9 .94" rgb2=".55 .63 .72" width="64" height="384"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1=".52 .54 .56" rgb2=".46 .48 .5" width="128" height="128"/>
    <material name="floor" texture="tiles" texrepeat="6 6" reflectance="0.05"/>
    <material name="plastic" specular=".4" shininess=".5"/>
    <material name="metal" specular=".9" shininess=".8"/>
    <material name="wood" specular=".15" shininess=".2"/>
  </asset>
  {door_arm.defaults()[: door_arm.defaults().rindex("</default>")]}
    <default class="frame">
      <geom contype="0" conaffinity="1" friction="0.3" solref="0.0067 1" rgba=".80 .79 .75 1"/>
    </default>
    <default class="handle">
      <geom contype="0" conaffinity="1" friction="0.2" solref="0.0067 1" rgba=".85 .68 .25 1" material="metal"/>
    </default>
    <default class="latch">
      <geom contype="2" conaffinity="0" friction="0.05" priority="1" condim="3" solref="0.0067 1" solimp=".95 .99 .0005"
            rgba=".6 .6 .62 1" material="metal"/>
    </default>
  </default>
  <worldbody>
    <light pos="-.6 -1.6 2.8" dir=".45 .6 -.75" directional="true" castshadow="false" diffuse=".55 .54 .52"/>
    <light pos="-.5 1.5 2.5" dir=".4 -.6 -.7" directional="true" castshadow="false" diffuse=".2 .2 .23"/>
    <camera name="view" pos="-0.3 -1.02 1.72" xyaxes="0.830 -0.558 0.000 0.278 0.413 0.867" fovy="42"/>
    <geom name="floor" type="plane" size="3 3 .1" contype="0" conaffinity="1" material="floor"/>
    <geom name="wall_right" class="frame" type="box" pos="{middle} -.475 1" size="{DOOR_THICKNESS / 2} .322 1"/>
    <geom name="wall_left" class="frame" type="box" pos="{middle} {HINGE_Y + 0.305} 1" size="{DOOR_THICKNESS / 2} .3 1"/>
    {plate}
    {door_arm.body(handle.home_roll)}
    <body name="door" pos="{middle} {HINGE_Y} {height}">
      <joint name="door" axis="0 0 -1" range="0 1.57" damping="1.0" solreflimit="0.0067 1"/>
      <geom name="door" class="frame" type="box" pos="0 {-DOOR_WIDTH / 2} 0" size="{DOOR_THICKNESS / 2} {DOOR_WIDTH / 2} .98"
            mass="6" rgba=".52 .34 .2 1" material="wood"/>
      <body name="handle" pos="{-DOOR_THICKNESS / 2 - STAND_OFF} {-HINGE_Y} 0" gravcomp="1">
        {joint}
        {_handle_geoms(handle)}
        {arm}
        <site name="grasp" pos="0 {grasp_y} {grasp_z}" group="4"/>
      </body>
    </body>
  </worldbody>
  {door_arm.tendons()}
  {door_arm.actuators(twist)}
</mujoco>
"""


def compile_model(door: str, twist: bool = False, raised: float = 0.0) -> mujoco.MjModel:
    """Compile the scene of one of the doors of :data:`HANDLES`."""
    return mujoco.MjModel.from_xml_string(mjcf(HANDLES[door], twist, raised))
