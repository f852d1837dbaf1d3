"""NATS with JetStream: carries job ids from the outbox to a worker, and hints to whoever listens.

It decides nothing. PostgreSQL holds every job, so the whole store of the broker may be lost at
any moment: the stream is made anew and the reaper puts into it what is due.
"""
