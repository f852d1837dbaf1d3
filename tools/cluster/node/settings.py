"""The settings files of the programs of a node, as text."""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster.node.layout import (
    CNI_PROGRAMS,
    DOMAIN,
    KUBELET_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    PAUSE_IMAGE,
    POD_NETWORK,
    Layout,
)

PODS_MAX = 200


def containerd(layout: Layout) -> str:
    """Give containerd's own folders, and the pods' network; it shares nothing with another one."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{layout.containerd / "root"}"
state = "{layout.containerd / "state"}"
[grpc]
  address = "{layout.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.containerd / "opt"}"
[{cri}]
  sandbox_image = "{PAUSE_IMAGE}"
  # Otherwise runc cannot lower the score in a container that is not allowed to.
  restrict_oom_score_adj = true
  [{cri}.cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{layout.networks}"
  [{cri}.containerd]
    default_runtime_name = "runc"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


def network(layout: Layout) -> str:
    """Give each pod a wire of its own to the machine, which routes between them."""
    tree = {
        "cniVersion": "0.4.0",
        "name": NODE_NAME,
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(layout.addresses),
                    "ranges": [[{"subnet": str(POD_NETWORK)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(tree, indent=2)


def kubelet(layout: Layout) -> str:
    tree = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.certificates / "kubelet-client.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": DOMAIN,
        "podLogsDir": str(layout.logs / "pods"),
        "volumePluginDir": str(layout.kubelet / "plugins-of-volumes"),
        "maxPods": PODS_MAX,
        # The disk is the developer's own, and images come by hand: nothing is thrown away.
        "evictionHard": {
            "memory.available": "1%",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageMaximumGCAge": "0s",
    }
    return json.dumps(tree, indent=2)


def proxy(layout: Layout) -> str:
    tree = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.user("kube-proxy"))},
        "mode": "iptables",
        "clusterCIDR": str(POD_NETWORK),
        "hostnameOverride": NODE_NAME,
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": "",
        "metricsBindAddress": "",
        # The machine's own limits stay as they are.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "iptables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
    }
    return json.dumps(tree, indent=2)


def names(layout: Layout, resolver: Path = Path("/etc/resolv.conf")) -> str:
    """Give the settings of CoreDNS; without a name server outside it knows the cluster alone."""
    known = any(line.startswith("nameserver") for line in resolver.read_text().splitlines())
    return f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {layout.user("coredns")} here
        ttl 5
    }}
    {f"forward . {resolver}" if known else ""}
    cache 5
}}
"""
