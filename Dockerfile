# One image for the gateway and every worker: what a container does is its command, `leat up --no-workers` or `leat work upload`.
FROM node:22-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build -- --outDir /assets

FROM python:3.11-slim AS install
WORKDIR /leat
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/leat && /opt/leat/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY events events
COPY domain domain
COPY adapters adapters
COPY workers workers
COPY gateway gateway
COPY leat leat
COPY --from=web /assets gateway/assets
RUN /opt/leat/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
# The sandbox of plugins, where the container may have one: SECURITY.md says what that takes.
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /data --create-home leat && install -d -o leat -g leat /files
COPY --from=install /opt/leat /opt/leat
ENV PATH=/opt/leat/bin:$PATH PYTHONUNBUFFERED=1 LEAT_DATA=/data LEAT_HOST=0.0.0.0
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["leat", "check", "--quiet"]
ENTRYPOINT ["leat"]
CMD ["up"]
