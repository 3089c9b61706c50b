"""rgt: the town of AI coding agents that lives in your editor."""

__version__ = "0.1.0"
