"""What the node needs of the machine: packages, a device, forwarding; made, and taken back."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from tools.cluster.node.errors import NodeError
from tools.cluster.node.layout import (
    BRIDGE,
    CNI_PROGRAMS,
    NODE_ADDRESS,
    NODE_NAME,
    NODE_NETWORK,
    POD_NETWORK,
    SERVICE_NETWORK,
    Layout,
)
from tools.debian_packages import (
    SYSTEM_PATH,
    MissingPackagesError,
    install,
    missing_packages,
)

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "mount": "mount",
}
"""A program, and the Debian package that has it."""
CNI_PACKAGE = "containernetworking-plugins"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARD_CHAIN = "NEUROCARDS-FORWARD"
_FILTERS = ("iptables", "ip6tables")
_KUBERNETES_CHAIN = "KUBE-"


def run(*command: str, check: bool = True, standard_input: str | None = None) -> str:
    """Run a program of the machine; NodeError with its words when it fails."""
    done = _answer(command, standard_input)
    if check and done.returncode:
        raise NodeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def require_packages() -> None:
    """Install what is missing where that is possible; NodeError that names it otherwise."""
    if os.geteuid() != 0 or not Path("/proc").exists():
        raise NodeError("make cluster needs Linux and root")
    missing = _missing_packages()
    if not missing:
        return
    try:
        install(missing)
    except MissingPackagesError as error:
        raise NodeError(str(error)) from error
    if left := _missing_packages():
        raise NodeError(f"missing: {', '.join(sorted(left))} (names of Debian's packages)")


def _missing_packages() -> set[str]:
    missing = missing_packages(PACKAGES)
    if not (CNI_PROGRAMS / "ptp").exists():
        missing.add(CNI_PACKAGE)
    return missing


def require_free() -> None:
    """NodeError where another Kubernetes, or a network that ours would hide, is there already."""
    if any(_KUBERNETES_CHAIN in run(f"{program}-save", check=False) for program in _FILTERS):
        raise NodeError(f"another Kubernetes works on this machine (chains {_KUBERNETES_CHAIN}…)")
    for route in json.loads(run("ip", "-4", "-json", "route")):
        if route["dst"] == "default" or route.get("dev") == BRIDGE:
            continue
        taken = IPv4Network(route["dst"], strict=False)
        for wanted in (NODE_NETWORK, POD_NETWORK, SERVICE_NETWORK):
            if taken.overlaps(wanted):
                raise NodeError(f"the network {wanted} is taken on this machine by {taken}")


def make_network(layout: Layout) -> None:
    """Give the node its address, and let pods be routed."""
    (layout.folder / "forwarding").write_text(_FORWARDING.read_text())
    _FORWARDING.write_text("1\n")
    if not Path("/sys/class/net", BRIDGE).exists():
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{NODE_ADDRESS}/{NODE_NETWORK.prefixlen}", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
    # Other programs, Docker for one, refuse to forward what they do not know.
    run("iptables", "-w", "-N", _FORWARD_CHAIN, check=False)
    run("iptables", "-w", "-F", _FORWARD_CHAIN)
    for side in ("-s", "-d"):
        run("iptables", "-w", "-A", _FORWARD_CHAIN, side, str(POD_NETWORK), "-j", "ACCEPT")
    run("iptables", "-w", "-A", "FORWARD", "-j", _FORWARD_CHAIN)


def remove_network(layout: Layout) -> None:
    """Take back what `make_network` did, and the rules that were made for pods."""
    jump = ("iptables", "-w", "-D", "FORWARD", "-j", _FORWARD_CHAIN)
    while _answer(jump, None).returncode == 0:
        pass
    run("iptables", "-w", "-F", _FORWARD_CHAIN, check=False)
    run("iptables", "-w", "-X", _FORWARD_CHAIN, check=False)
    _remove_pod_rules()
    for program in _FILTERS:
        _remove_kubernetes_chains(program)
    run("ip", "link", "delete", BRIDGE, check=False)
    before = layout.folder / "forwarding"
    if before.exists():
        _FORWARDING.write_text(before.read_text())
        before.unlink()


def _remove_kubernetes_chains(program: str) -> None:
    """Remove what kubelet and kube-proxy leave: `require_free` saw that nobody else had any."""
    table, chains, jumps = "", [], []
    for line in run(f"{program}-save", check=False).splitlines():
        if line.startswith("*"):
            table = line.removeprefix("*")
        elif line.startswith(f":{_KUBERNETES_CHAIN}"):
            chains.append((table, line.split()[0].removeprefix(":")))
        elif line.startswith("-A ") and f"-j {_KUBERNETES_CHAIN}" in line:
            jumps.append((table, line))
    for at, line in jumps:
        _delete_rule(line, table=at, program=program)
    for verb in ("-F", "-X"):
        for at, chain in chains:
            run(program, "-w", "-t", at, verb, chain, check=False)


def _remove_pod_rules() -> None:
    """Remove what the plugins left of pods that were not ended in order: it carries our name."""
    named = f'name: \\"{NODE_NAME}\\"'
    chains = set()
    for line in run("iptables", "-w", "-t", "nat", "-S", check=False).splitlines():
        if not line.startswith("-A ") or named not in line:
            continue
        if target := re.search(r"-j (CNI-[0-9a-f]+)\b", line):
            chains.add(target.group(1))
        _delete_rule(line)
    for chain in chains:
        run("iptables", "-w", "-t", "nat", "-F", chain, check=False)
        run("iptables", "-w", "-t", "nat", "-X", chain, check=False)


def _delete_rule(line: str, *, table: str = "nat", program: str = "iptables") -> None:
    """Feed the rule back to the program that knows how its words are quoted."""
    text = f"*{table}\n-D {line.removeprefix('-A ')}\nCOMMIT\n"
    run(f"{program}-restore", "-w", "--noflush", standard_input=text, check=False)


def _answer(command: Sequence[str], standard_input: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - commands come from our own code
        list(command),
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"},
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
    )


def make_kubelet_client(folder: Path) -> Sequence[Path]:
    """Make what the API server shows to the kubelet, which trusts this one certificate."""
    certificate, key = folder / "kubelet-client.crt", folder / "kubelet-client.key"
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365"),
        *("-subj", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        *("-addext", "extendedKeyUsage=clientAuth"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    key.chmod(0o600)
    return certificate, key
