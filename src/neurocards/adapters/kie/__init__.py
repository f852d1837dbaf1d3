"""KIE.ai: one transport for all of its video models, and a small dialect per model family."""
