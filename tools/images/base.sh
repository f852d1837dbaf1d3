#!/bin/sh
# Makes the base image python:3.11-slim-bookworm out of Debian's packages, for machines that reach a
# mirror of Debian and no registry of images. Needs root, debootstrap and Docker.
set -eu
name="${BASE_IMAGE:-python:3.11-slim-bookworm}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$folder/root" >&2
# What this machine trusts, its network may need.
cp /etc/ssl/certs/ca-certificates.crt "$folder/root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$folder/root/var/cache/apt/archives/"*.deb "$folder/root/var/lib/apt/lists/"* \
    "$folder/root/usr/share/doc" "$folder/root/usr/share/man"
tar -C "$folder/root" -c . | docker import - "$name"
