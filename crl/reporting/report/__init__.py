"""``crl report``: any number of runs as one page, or as tables for papers."""
