"""Ground vehicles: unicycle and husky, their missions, faults and pictures."""
