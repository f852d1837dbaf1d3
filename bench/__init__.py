"""Benchmarks of the real processes on one machine: `python -m bench`, or `make bench`.

Real PostgreSQL, NATS, bot and worker; the outside world is simulated over HTTP by processes of
their own. Beside each figure stands what bare asyncpg and nats-py need for the same commits and
messages in the same run. Not a test: it asserts no speed. But every run is checked for
correctness, since a pipeline that loses an order is fast for nothing.
"""
