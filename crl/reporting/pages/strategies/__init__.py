"""The page of all strategies on one sequence, and its section on compositions."""
