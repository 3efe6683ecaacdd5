# The shop's image: web, worker and beat are the same one with another command. No embedded servers, no demo.
#   docker build -t esteira .
#   docker run --env-file production.env -p 8000:8000 esteira
#   docker run --env-file production.env esteira celery -A config worker --concurrency 4

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
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
# Neither step talks to a server; the key signs nothing and stays in this stage's memory.
RUN for catalogue in config/locale/*/LC_MESSAGES/*.po; do \
        pybabel compile -i "$catalogue" -o "${catalogue%.po}.mo" || exit 1; \
    done \
    && SECRET_KEY=collecting-static-files-needs-none python manage.py collectstatic --no-input

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin esteira \
    && install -d -o esteira /app/.data
ENV PATH=/opt/esteira/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/esteira /opt/esteira
COPY --from=build /app /app
WORKDIR /app
USER esteira
EXPOSE 8000
# One connection a thread: the pool (DATABASE_POOL_SIZE) must not be smaller than --threads.
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "4", \
     "--graceful-timeout", "25", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
