"""Handlers by feature: each parses an update, calls a service, renders the answer.

No handler knows a store, and none is longer than what fits in one look.
"""
