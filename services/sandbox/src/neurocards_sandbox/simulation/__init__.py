"""What the simulators of paid services share: keys, faults on request, a log of requests.

It is not a web framework and knows no service. Invariant: nothing here keeps or shows a key or
a prompt's secret part; keys are named by their fingerprint.
"""
