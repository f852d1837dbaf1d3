# An image of ours whose program begins anew when its sources change: for `skaffold dev`, which copies
# them into the running container.
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG IMAGE=neurocards-bot

FROM ${BASE_IMAGE} AS reloader
COPY requirements/bot.txt requirements/
RUN python3 -m venv /opt/build \
    && awk '/^watchfiles==/ {on=1} on {print} on && !/\\$/ {exit}' requirements/bot.txt > pins.txt \
    && /opt/build/bin/pip install --quiet --no-deps --require-hashes --target /opt/reloader \
        -r pins.txt

FROM ${IMAGE}
ARG PROGRAM=neurocards_bot
USER 0
COPY --from=reloader /opt/reloader /opt/reloader
RUN chown -R 10001:10001 /opt/neurocards/lib/python3.11/site-packages/neurocards \
    "/opt/neurocards/lib/python3.11/site-packages/$PROGRAM"
ENV PROGRAM=${PROGRAM} PYTHONPATH=/opt/reloader
USER 10001:10001
ENTRYPOINT ["sh", "-c", "cd /opt/neurocards/lib/python3.11/site-packages && exec python -m watchfiles --filter python \"python -m $PROGRAM\" neurocards \"$PROGRAM\""]
