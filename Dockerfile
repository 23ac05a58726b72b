# The worker. What the checks of your repositories need (Python, Go, a compiler) is added by an image FROM this one.
ARG NODE_IMAGE=node:22.20.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script; the Temporal SDK ships its binaries in packages.
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts scripts
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# bubblewrap: the sandbox of the checks. tini: reaps what a killed check leaves. openssh-client: git over ssh.
RUN apt-get update \
  && apt-get install -y --no-install-recommends bubblewrap ca-certificates git openssh-client tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY scripts scripts
COPY examples examples
COPY deploy/worker-health.mjs deploy/
RUN install -d -o node -g node -m 700 /var/lib/weaver && ln -s /app/dist/cli.js /usr/local/bin/weaver
ENV NODE_ENV=production WEAVER_HOME=/var/lib/weaver
USER node
WORKDIR /var/lib/weaver
# Mirrors, the call ledger, records and artifacts: to be kept over the container's life.
VOLUME /var/lib/weaver
ENTRYPOINT ["tini", "--", "node", "/app/dist/cli.js"]
CMD ["worker"]
