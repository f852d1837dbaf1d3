"""A real Kubernetes control plane on this machine, for tests and benchmarks of the operator.

Not for production and not for pods that must run: nodes and pods are played by KWOK. Everything
listens on 127.0.0.1, keeps its data in a folder that its user names, and dies with its parent.
Where pods must run there is `tools.cluster.node`.
"""
