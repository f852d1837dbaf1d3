"""The replay: a policy tried on paper, on recorded or invented traffic, against its rivals.

A discrete-event simulation of workers and a queue, in which the same `decide()` scales that the
operator runs. It talks to no cluster, no database and no clock; a seed decides what chance does.
"""
