"""How regimes are predicted: the models, and the memory that holds them."""
