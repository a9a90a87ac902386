"""The sections of the settings, one dataclass each."""
