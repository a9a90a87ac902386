"""When the regime changes: detection, the hypotheses about the body, and the tracker that decides among them."""
