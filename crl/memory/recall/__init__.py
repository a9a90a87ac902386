"""What explains transitions: likelihoods, the watch over the regime in force, and recall."""
