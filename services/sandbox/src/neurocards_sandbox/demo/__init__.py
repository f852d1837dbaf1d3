"""The embedded demo: the whole product on one machine, every part a process of its own.

The bot, the worker, PostgreSQL and NATS are the real ones; Telegram, KIE and OpenAI are the
simulators of this package. Invariant: only processes that were started here are ever ended, and
none of them outlives the supervisor, however that ends.
"""
