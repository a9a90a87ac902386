"""The page of lives: of bodies that drive waypoints, and of bodies that have a goal."""
