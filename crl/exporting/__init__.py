"""``crl export``: transitions and models in the formats of other libraries."""
