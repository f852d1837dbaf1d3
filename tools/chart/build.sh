#!/bin/sh
# Builds Helm 3, Helm 4 and helm-unittest from their Go modules into the user's cache folder and
# prints that folder. What is there already is not built again.
set -eu
helm3=v3.22.0
helm4=v4.3.1
unittest=v1.1.2

folder="${XDG_CACHE_HOME:-$HOME/.cache}/neurocards/chart-tools/$helm3-$helm4-$unittest"
if [ -x "$folder/helm3" ] && [ -x "$folder/helm4" ] && [ -x "$folder/helm-unittest" ]; then
    echo "$folder"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "make chart builds Helm from source and needs Go 1.24 or newer: https://go.dev/dl" >&2
    exit 1
fi
mkdir -p "$folder"
making=$(mktemp -d)
# Modules are written read-only, so that they have to be made writable before they can go.
trap 'chmod -R u+w "$making"; rm -rf "$making"' EXIT
jobs="${GO_JOBS:-1}"

build_helm() { # version, major, name, flags of the linker
    if [ ! -x "$folder/$3" ]; then
        echo "building $3 $1" >&2
        # The version of Kubernetes that `helm template` takes for the cluster's.
        GOBIN="$making/$3" go install -p "$jobs" -trimpath -ldflags "-s -w $4" \
            "helm.sh/helm/$2/cmd/helm@$1" >&2
        mv "$making/$3/helm" "$folder/$3"
    fi
}

capabilities=helm.sh/helm/v3/pkg/chartutil
build_helm "$helm3" v3 helm3 \
    "-X $capabilities.k8sVersionMajor=1 -X $capabilities.k8sVersionMinor=34"
build_helm "$helm4" v4 helm4 ""
if [ ! -x "$folder/helm-unittest" ]; then
    echo "building helm-unittest $unittest" >&2
    # Its module replaces others, which `go install` refuses: built in a copy.
    source=$(cd "$making" && go mod download -json "github.com/helm-unittest/helm-unittest@$unittest" |
        sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
    cp -r "$source" "$making/unittest"
    chmod -R u+w "$making/unittest"
    (cd "$making/unittest" && go build -p "$jobs" -trimpath -ldflags "-s -w" \
        -o "$making/helm-unittest" ./cmd/helm-unittest) >&2
    mv "$making/helm-unittest" "$folder/helm-unittest"
fi
echo "$folder"
