# Runtime of the lithops backend on Kubernetes. In a folder that holds numpywren's wheel:
#   lithops runtime build -b k8s -f k8s.Dockerfile docker.io/USER/numpywren
# Python must be of the client's minor version. Lithops puts lithops_k8s.zip beside this file.
FROM python:3.13-slim-trixie

# Lithops's master pod runs a Redis of its own.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /lithops
COPY numpywren-*.whl ./
# The version is the wheel's own.
# hadolint ignore=DL3013
RUN wheel="$(ls numpywren-*.whl)" \
    && pip install --no-cache-dir flask==3.1.2 "lithops[kubernetes,redis]==3.8.0" "${wheel}[lithops,redis,s3]" \
    && rm "${wheel}"
COPY lithops_k8s.zip ./
RUN python -m zipfile -e lithops_k8s.zip . && rm lithops_k8s.zip \
    && useradd --uid 1000 --create-home numpywren && chown -R numpywren /lithops

ENV PYTHONUNBUFFERED=1
USER 1000:1000
