"""A Kubernetes with one real node on this Linux machine: `python -m tools.cluster.node up`, `down`.

For trials and tests, not for production: one copy of everything, etcd does not wait for the disk.
All of it lies in one folder of state, listens on an address that only this machine reaches, and
`down` ends and removes what `up` made, and nothing else. Needs root.
"""
