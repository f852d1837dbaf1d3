"""The rules of the product: values and decisions.

Nothing here reads a clock, draws a random number, opens a socket or logs. Time, identifiers and
randomness come in as arguments, so every rule can be tested by calling it.
"""
