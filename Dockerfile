# The shop's only image: web (the default), worker, beat and migrations are the same files with another command.
#   docker build --build-arg PYTHON=python:3.11-slim-bookworm@sha256:… -t esteira .
#   docker run --read-only --tmpfs /tmp --env-file production.env -p 8000:8000 esteira
#   docker run --read-only --tmpfs /tmp --env-file production.env esteira celery -A config worker --concurrency 4
#   docker run --read-only --tmpfs /tmp --env-file production.env esteira celery -A config beat --schedule /tmp/beat --pidfile=
#   docker run --read-only --tmpfs /tmp --env-file production.env esteira python manage.py migrate --no-input
# It writes only to /tmp and /dev/shm, and to /data if uploads are kept on disk. No embedded servers, no demo.

# A pipeline adds the digest that it has tested (docs/operations.md).
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/esteira
ENV PATH=/opt/esteira/bin:$PATH
COPY requirements/runtime.txt /tmp/runtime.txt
RUN pip install --require-hashes -r /tmp/runtime.txt
WORKDIR /app
COPY manage.py ./
COPY config config
COPY inventory inventory
COPY shipping shipping
COPY payments payments
COPY cart cart
COPY checkout checkout
# No step needs a server; the key signs nothing and stays in this stage. Static files get a content hash in their name and
# a compressed copy.
RUN for catalogue in config/locale/*/LC_MESSAGES/*.po; do \
        pybabel compile -i "$catalogue" -o "${catalogue%.po}.mo" || exit 1; \
    done \
    && SECRET_KEY=collecting-static-files-needs-none python manage.py collectstatic --no-input \
    && python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin esteira \
    && install -d -o esteira /data
ENV PATH=/opt/esteira/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ESTEIRA_DATA=/data
COPY --from=build /opt/esteira /opt/esteira
COPY --from=build /app /app
WORKDIR /app
# Fargate gives an empty volume the permissions of the folder it covers only if the image declares it.
VOLUME ["/tmp"]
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# For web; the other commands bring their own, or none.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
# One connection per thread: the pool (DATABASE_POOL_SIZE) must not be smaller than --threads. On SIGTERM gunicorn stops
# accepting and finishes open requests within the graceful timeout: longer than the provider's timeout
# (PAYMENT_TIMEOUT_SECONDS), shorter than the platform's grace before SIGKILL (30 s).
CMD ["gunicorn", "--config", "python:config.gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", \
     "--workers", "2", "--threads", "4", "--graceful-timeout", "25", "--worker-tmp-dir", "/dev/shm"]
