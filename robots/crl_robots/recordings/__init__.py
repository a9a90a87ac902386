"""Recordings of robots: bags, what they hold, and demonstrations read from them."""
