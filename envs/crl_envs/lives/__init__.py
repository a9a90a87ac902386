"""Lives: one uninterrupted stream in which the body changes again and again, is never announced, and nothing ends."""
