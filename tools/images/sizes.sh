#!/bin/sh
# Prints what each image weighs unpacked, and how long its program takes from the start of the
# container to the reading of its settings (which are wrong here, so that it ends with code 2).
set -eu
tag="${TAG:-0.1.0}"
base="${BASE_IMAGE:-python:3.11-slim-bookworm}"

megabytes() { # image
    container=$(docker create "$1" true)
    docker export "$container" | tar -tvf - | awk '{sum += $3} END {printf "%d", sum / 1000000}'
    docker rm "$container" >/dev/null
}

milliseconds() { # arguments of docker run
    before=$(date +%s%N)
    code=0
    docker run --rm --network none --read-only --tmpfs /tmp --env DB_PORT=wrong "$@" >/dev/null 2>&1 || code=$?
    after=$(date +%s%N)
    if [ "$code" != 2 ]; then echo "docker run $* ended with $code" >&2; exit 1; fi
    echo $(((after - before) / 1000000))
}

printf '%-10s %4s MB\n' base "$(megabytes "$base")"
for name in bot worker operator; do
    image="neurocards-$name:$tag"
    printf '%-10s %4s MB, settings read after %s ms\n' "$name" "$(megabytes "$image")" \
        "$(milliseconds "$image")"
done
image="neurocards-sandbox:$tag"
started=$(milliseconds --entrypoint python "$image" \
    -m neurocards_sandbox.demo.sandbox_process)
printf '%-10s %4s MB, settings read after %s ms\n' sandbox "$(megabytes "$image")" "$started"
