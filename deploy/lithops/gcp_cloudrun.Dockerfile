# Runtime of the lithops backend on Google Cloud Run. In a folder that holds numpywren's wheel:
#   lithops runtime build -b gcp_cloudrun -f gcp_cloudrun.Dockerfile numpywren
# Python must be of the client's minor version. Lithops puts lithops_cloudrun.zip beside this file.
FROM python:3.13-slim-trixie

WORKDIR /lithops
COPY numpywren-*.whl ./
# The version is the wheel's own.
# hadolint ignore=DL3013
RUN wheel="$(ls numpywren-*.whl)" \
    && pip install --no-cache-dir gunicorn==23.0.0 flask==3.1.2 "lithops[gcp]==3.8.0" "${wheel}[lithops,redis]" \
    && rm "${wheel}"
COPY lithops_cloudrun.zip ./
RUN python -m zipfile -e lithops_cloudrun.zip . && rm lithops_cloudrun.zip \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin numpywren

ENV PORT=8080 PYTHONUNBUFFERED=1 HOME=/tmp
USER 10001:10001
# One call at a time, and no limit of its own: Cloud Run's is the one that counts.
CMD ["sh", "-c", "exec gunicorn --bind :$PORT --workers 1 --timeout 0 lithopsproxy:proxy"]
