"""A quadrotor: its body, its inner loops and its missions."""
