# Runtime of the lithops backend on AWS Lambda. In a folder that holds numpywren's wheel (pip wheel --no-deps numpywren):
#   lithops runtime build -b aws_lambda -f aws_lambda.Dockerfile numpywren
# Python must be of the client's minor version. Lithops puts lithops_lambda.zip beside this file.
FROM python:3.13-slim-trixie

WORKDIR /function
COPY numpywren-*.whl ./
# The version is the wheel's own.
# hadolint ignore=DL3013
RUN wheel="$(ls numpywren-*.whl)" \
    && pip install --no-cache-dir awslambdaric==4.0.0 "${wheel}[dynamodb,lithops,redis,s3]" \
    && rm "${wheel}"
COPY lithops_lambda.zip ./
RUN python -m zipfile -e lithops_lambda.zip . && rm lithops_lambda.zip

# Lambda gives every function a user of its own, and a file system that only /tmp of can be written.
USER 65534:65534
ENTRYPOINT ["python", "-m", "awslambdaric"]
CMD ["entry_point.lambda_handler"]
