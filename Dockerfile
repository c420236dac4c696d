# One image for every process; docker-compose.yml and the Helm chart choose the command.
# Debian, not Alpine: the wheels of the embedded servers and of onnxruntime need glibc.
FROM python:3.13-slim-bookworm AS packages

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
WORKDIR /build
COPY requirements.txt requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && uv venv /opt/slipway \
    && uv pip install --no-cache --compile-bytecode --python /opt/slipway/bin/python \
        --require-hashes -r requirements.txt

FROM python:3.13-slim-bookworm

# One user for all containers: the jail accepts connections of its own uid alone.
RUN useradd --uid 10001 --create-home --home-dir /home/slipway slipway \
    && install -d -o slipway -g slipway -m 0700 \
        /var/lib/slipway /var/lib/slipway/files /var/lib/slipway/quarantine \
        /var/lib/slipway/journal /var/lib/slipway/run /var/lib/slipway/log /run/jail
COPY --from=packages /opt/slipway /opt/slipway
WORKDIR /app
COPY . .
ENV PATH=/opt/slipway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    SLIPWAY_HOME=/var/lib/slipway \
    STATIC_ROOT=/app/staticfiles
# Static files are collected once; the key is for this line alone.
RUN python -m compileall -q . && SECRET_KEY=build python manage.py collectstatic --no-input
USER slipway
VOLUME ["/var/lib/slipway"]
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "config.granian", "--interface", "wsgi", "config.wsgi:application", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", \
     "--backpressure", "512", "--no-ws", \
     "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
