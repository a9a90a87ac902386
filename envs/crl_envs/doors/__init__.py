"""Five doors and the arm that opens them."""
