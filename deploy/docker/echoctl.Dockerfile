# The backup: echoctl without the services and their speech libraries.
FROM python:3.11.11-slim-bookworm AS build
WORKDIR /build
COPY constraints.txt overrides.txt ./
# The installer comes from the lock, verified by its hash.
RUN awk '/^uv==/{found=1} found{print} found&&!/\\$/{exit}' constraints.txt > uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt \
    && python -m venv /opt/echo
COPY libs/common libs/common
COPY deploy/embedded deploy/embedded
RUN uv pip install --python /opt/echo/bin/python --no-cache --compile-bytecode \
    -c constraints.txt -b constraints.txt --overrides overrides.txt ./libs/common platformdirs psutil qdrant-client rich typer \
    && uv pip install --python /opt/echo/bin/python --no-cache --compile-bytecode --no-deps \
    -c constraints.txt -b constraints.txt ./deploy/embedded

FROM python:3.11.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/echo echo \
    && install -d -o echo -g echo -m 700 /var/lib/echo/backups
# Temporary files can be as large as an object, and a restore runs as the owner of the archives: /var/tmp is open to every user.
VOLUME /var/tmp
COPY --from=build /opt/echo /opt/echo
ENV PATH=/opt/echo/bin:$PATH TMPDIR=/var/tmp
USER 10001
WORKDIR /var/lib/echo
CMD ["echoctl", "backup", "/var/lib/echo/backups", "--every", "24h"]
