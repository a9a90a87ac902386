"""Files that are complete or absent, and what is written in them."""
