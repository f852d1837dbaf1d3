#!/bin/sh
# Writes images into archives as `docker save` does, one per image, for nodes without a registry:
#   tools/images/save.sh FOLDER IMAGE...
# and names the id of each one, so that nobody has to bring the same image twice.
#   BUILDER      docker or buildah; docker where it answers
set -eu
folder=$1
shift
mkdir -p "$folder"
if [ -z "${BUILDER:-}" ]; then
    if docker info >/dev/null 2>&1; then BUILDER=docker; else BUILDER=buildah; fi
fi
for image in "$@"; do
    archive="$folder/$(echo "$image" | tr '/:' '--').tar"
    if [ "$BUILDER" = docker ]; then
        identity=$(docker image inspect --format '{{.Id}}' "$image")
    else
        identity=$(buildah inspect --type image --format '{{.FromImageID}}' "$image")
    fi
    if [ "$(cat "$archive.id" 2>/dev/null)" != "$identity" ]; then
        rm -f "$archive" "$archive.id"
        if [ "$BUILDER" = docker ]; then
            docker save --output "$archive" "$image"
        else
            buildah push --quiet "$image" "docker-archive:$archive:docker.io/library/$image"
        fi
        echo "$identity" >"$archive.id"
    fi
    echo "$archive"
done
