#!/bin/sh
# Prints what each image weighs unpacked, and how long its program takes from the start of the
# container to the reading of its settings (which are wrong here, so that it ends with code 2).
#   BUILDER      docker or buildah; docker where it answers
set -eu
tag="${TAG:-0.1.0}"
base="${BASE_IMAGE:-python:3.11-slim-bookworm}"
if [ -z "${BUILDER:-}" ]; then
    if docker info >/dev/null 2>&1; then BUILDER=docker; else BUILDER=buildah; fi
fi

megabytes() { # image
    if [ "$BUILDER" = docker ]; then
        container=$(docker create "$1" true)
        docker export "$container"
        docker rm "$container" >/dev/null
    else
        container=$(buildah from "$1")
        tar -C "$(buildah mount "$container")" -cf - .
        buildah rm "$container" >/dev/null
    fi | tar -tvf - | awk '{sum += $3} END {printf "%d", sum / 1000000}'
}

milliseconds() { # image, command
    image=$1
    shift
    if [ "$BUILDER" = docker ]; then
        set -- docker run --rm --network none --read-only --tmpfs /tmp --env DB_PORT=wrong \
            --entrypoint "$1" "$image" "$2" "$3"
    else
        # Without a runtime of containers the root stays writable.
        container=$(buildah from "$image")
        set -- buildah run --isolation chroot --env DB_PORT=wrong "$container" -- "$@"
    fi
    before=$(date +%s%N)
    code=0
    "$@" >/dev/null 2>&1 || code=$?
    after=$(date +%s%N)
    if [ "$BUILDER" = buildah ]; then buildah rm "$container" >/dev/null; fi
    if [ "$code" != 2 ]; then echo "$* ended with $code" >&2; exit 1; fi
    echo $(((after - before) / 1000000))
}

measure() { # name, module
    image="neurocards-$1:$tag"
    started=$(milliseconds "$image" python -m "$2")
    printf '%-10s %4s MB, settings read after %s ms\n' "$1" "$(megabytes "$image")" "$started"
}

printf '%-10s %4s MB\n' base "$(megabytes "$base")"
measure bot neurocards_bot
measure worker neurocards_worker
measure operator neurocards_operator
measure sandbox neurocards_sandbox.demo.sandbox_process
