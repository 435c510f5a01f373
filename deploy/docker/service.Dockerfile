# One file for every service: docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=auth .
FROM python:3.11.11-slim-bookworm AS build
ARG SERVICE
ARG EXTRAS=""
# Further extras without brackets, which the embedded mode does not have either: chat.
ARG OPTIONAL_EXTRAS=""
# Libraries besides libs/common, for example ./libs/onnx_autodiff.
ARG LIBS=""
WORKDIR /build
COPY constraints.txt overrides.txt ./
# The installer comes from the lock, verified by its hash.
RUN awk '/^uv==/{found=1} found{print} found&&!/\\$/{exit}' constraints.txt > uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt \
    && python -m venv /opt/echo
COPY libs libs
COPY services/${SERVICE} services/${SERVICE}
RUN uv pip install --python /opt/echo/bin/python --no-cache --compile-bytecode \
    -c constraints.txt -b constraints.txt --overrides overrides.txt ./libs/common ${LIBS} "./services/${SERVICE}${EXTRAS}" \
    ${OPTIONAL_EXTRAS:+"./services/${SERVICE}[${OPTIONAL_EXTRAS}]"}

FROM python:3.11.11-slim-bookworm
ARG SERVICE
ARG OPTIONAL_EXTRAS=""
# llama.cpp, the extra `chat`, needs OpenMP.
RUN case ",${OPTIONAL_EXTRAS}," in *,chat,*) apt-get update && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*;; esac
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/echo echo \
    && install -d -o echo -g echo /var/lib/echo/models /var/lib/echo/objects /var/lib/echo/scratch
COPY --from=build /opt/echo /opt/echo
ENV PATH=/opt/echo/bin:$PATH SERVICE=${SERVICE} ECHO_LISTEN=http://0.0.0.0:8000
USER 10001
WORKDIR /var/lib/echo
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --start-interval=1s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request; port = 8090 if os.environ['SERVICE'] == 'gateway' else 8000; urllib.request.urlopen(f'http://127.0.0.1:{port}/readyz', timeout=3)"]
CMD ["/bin/sh", "-c", "exec python -m echo_$SERVICE"]
