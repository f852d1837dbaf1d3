"""The API server as a person's commands see it; no process of the product imports this package."""
