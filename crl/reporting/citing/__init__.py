"""What to cite of a run: the bibliography and the choice of its entries."""
