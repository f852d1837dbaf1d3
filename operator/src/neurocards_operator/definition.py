"""`python -m` of this module FILE: bring the CustomResourceDefinition in the cluster up to date.

One server-side apply of a file under the pod's own ServiceAccount, before an upgrade of the chart:
Helm installs a definition and never changes it. Not a part of the running operator, which needs no
right for it. Exit 0 when it is applied, 1 when the API server does not want it, 2 for wrong usage.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

NAME = "neurocardsscalings.neurocards.io"
FIELD_MANAGER = "neurocards-chart"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_S = 30.0
EXIT_FAILED = 1
EXIT_USAGE = 2


def apply(definition: bytes, *, server: str, token: str, tls: ssl.SSLContext) -> str:
    """Apply the YAML and give its generation; OSError (HTTPError for a refusal) otherwise.

    Conflicts are forced: whoever applied the definition before meant the chart's own.
    """
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}"
    request = urllib.request.Request(  # noqa: S310 - the address is the cluster's own
        f"{server}{path}?fieldManager={FIELD_MANAGER}&force=true",
        data=definition,
        method="PATCH",
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/apply-patch+yaml",
            "Accept": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=tls) as answer:  # noqa: S310
        return str(json.load(answer)["metadata"]["generation"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m neurocards_operator.definition FILE\n")
        return EXIT_USAGE
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if host is None:
        sys.stderr.write("KUBERNETES_SERVICE_HOST is not set: this runs inside of a cluster\n")
        return EXIT_USAGE
    shown = f"[{host}]" if ":" in host else host
    try:
        generation = apply(
            Path(arguments[0]).read_bytes(),
            server=f"https://{shown}:{port}",
            token=(ACCOUNT / "token").read_text().strip(),
            tls=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
        )
    except urllib.error.HTTPError as error:
        reason = error.read().decode(errors="replace")
        sys.stderr.write(f"{NAME}: {HTTPStatus(error.code).phrase}: {reason}\n")
        return EXIT_FAILED
    except OSError as error:
        sys.stderr.write(f"{NAME}: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(f"{NAME} is applied, generation {generation}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
