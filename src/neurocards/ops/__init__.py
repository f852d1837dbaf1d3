"""`neurocards ops`: operations by hand.

It reads, and it calls the functions of the schema and the API server; every deed leaves a row of
who did what. It is no process of the product: everything works without it.
"""
