"""The loop of belief, the regime that is being opened, and what is learned from."""
