"""Neurocards: a product photo becomes a marketing video, and no order is lost on the way."""

__version__ = "0.1.0"
