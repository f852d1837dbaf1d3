"""Volumes for claims, as folders: `python -m` of this module with the folder of state.

Only what a node for trials needs: a folder per claim, made when a claim waits for one, deleted when
the claim is gone. The kubelet gives it to the group that the pod names, which it does for volumes
of the kind `local` and would not do for a hostPath.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
from tools.cluster.access import read_access
from tools.cluster.api import KubernetesApi, Refusal
from tools.cluster.node.layout import NODE_NAME, STORAGE_CLASS, Layout

PROVISIONER = "neurocards.io/local"
POLL_S = 0.5
Tree = dict[str, Any]

CLASS: Tree = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": STORAGE_CLASS,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": PROVISIONER,
    # The scheduler waits for the volume then. With `Immediate` it puts a pod aside that is there
    # before its volume, and where it misses the moment, it looks again after five minutes only.
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Retain",
}


async def look_once(api: KubernetesApi, root: Path) -> None:
    """Make the volumes that claims wait for, and remove those whose claim is gone."""
    for volume in await api.list("v1", "PersistentVolume"):
        of_ours = volume["spec"].get("storageClassName") == STORAGE_CLASS
        if of_ours and volume.get("status", {}).get("phase") == "Released":
            await asyncio.to_thread(shutil.rmtree, root / volume["metadata"]["name"], True)
            await api.delete("v1", "PersistentVolume", volume["metadata"]["name"])
    for claim in await api.list("v1", "PersistentVolumeClaim"):
        pending = claim.get("status", {}).get("phase") == "Pending"
        if pending and claim["spec"].get("storageClassName") == STORAGE_CLASS:
            await _make(api, claim, root)


async def _make(api: KubernetesApi, claim: Tree, root: Path) -> None:
    name = f"claim-{claim['metadata']['uid']}"
    (root / name).mkdir(parents=True, exist_ok=True)
    try:
        await api.create(volume_for(claim, name, root / name))
    except Refusal as refusal:
        if refusal.code != httpx.codes.CONFLICT:
            raise


def volume_for(claim: Tree, name: str, folder: Path) -> Tree:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "local": {"path": str(folder)},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]},
            },
        },
    }


async def run(where: Layout) -> None:
    """Look again and again; a server that does not answer is asked again later."""
    async with KubernetesApi(read_access(where.kubeconfig), user_agent="volumes") as api:
        while True:
            try:
                await look_once(api, where.volumes)
            except (Refusal, httpx.HTTPError) as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    asyncio.run(run(Layout(Path(sys.argv[1]))))
