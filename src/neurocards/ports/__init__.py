"""What the product needs of the outside, as protocols; adapters and fakes both keep them.

Every method that changes a job takes a Fence and answers whether the fence still held. False
means that another worker, the user or the reaper owns the job now: stop and touch nothing.

Errors: adapters raise only what `neurocards.errors` names. A store raises StoreUnavailableError,
a queue QueueUnavailableError, a provider ProviderError or a subclass.
"""
