# Runtime of the lithops backend on Azure Container Apps. In a folder that holds numpywren's wheel:
#   lithops runtime build -b azure_containers -f azure_containers.Dockerfile docker.io/USER/numpywren
# Python must be of the client's minor version. Lithops puts lithops_azure_ca.zip beside this file.
FROM python:3.13-slim-trixie

WORKDIR /app
COPY numpywren-*.whl ./
# The version is the wheel's own.
# hadolint ignore=DL3013
RUN wheel="$(ls numpywren-*.whl)" \
    && pip install --no-cache-dir flask==3.1.2 gevent==25.9.1 "lithops[azure]==3.8.0" "${wheel}[lithops,redis]" \
    && rm "${wheel}"
COPY lithops_azure_ca.zip ./
RUN python -m zipfile -e lithops_azure_ca.zip . && rm lithops_azure_ca.zip \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin numpywren

ENV PYTHONUNBUFFERED=1 HOME=/tmp
USER 10001:10001
CMD ["python", "lithopsentry.py"]
