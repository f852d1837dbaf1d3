"""In-memory doubles of the ports, with the behaviour that the contract suites ask of the real ones.

Shipped and typed: whoever builds on the ports can test own code with them.
"""
