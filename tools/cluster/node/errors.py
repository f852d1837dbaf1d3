"""What can be wrong with the machine."""


class NodeError(Exception):
    """The node cannot be started or ended; the message is one line that says what to do."""
