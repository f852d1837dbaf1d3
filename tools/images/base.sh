#!/bin/sh
# Makes the base image python:3.11-slim-bookworm out of Debian's packages, for machines that reach a
# mirror of Debian and no registry of images. Needs root, debootstrap, and Docker or buildah.
#   BASE_IMAGE   its name
#   BUILDER      docker or buildah; docker where it answers
set -eu
name="${BASE_IMAGE:-python:3.11-slim-bookworm}"
if [ -z "${BUILDER:-}" ]; then
    if docker info >/dev/null 2>&1; then BUILDER=docker; else BUILDER=buildah; fi
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$folder/tree" >&2
# What this machine trusts, its network may need.
cp /etc/ssl/certs/ca-certificates.crt "$folder/tree/etc/ssl/certs/ca-certificates.crt"
rm -rf "$folder/tree/var/cache/apt/archives/"*.deb "$folder/tree/var/lib/apt/lists/"* \
    "$folder/tree/usr/share/doc" "$folder/tree/usr/share/man"
if [ "$BUILDER" = docker ]; then
    tar -C "$folder/tree" -c . | docker import - "$name"
else
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$folder/tree" /
    buildah commit --quiet --format docker --rm "$container" "$name"
fi
