# The agent beside a claw in a pod. Built in the project's folder, with its dependencies installed:
#   npm ci --ignore-scripts && buildah build -f deploy/images/agent.Dockerfile -t agent .
ARG BASE=docker.io/library/node:24.18.0-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d

FROM ${BASE} AS app
WORKDIR /app
COPY package.json ./
COPY sdk/contract sdk/contract
COPY service/agent service/agent
# How config files are read, whatever somebody has put in their place.
COPY adapters/confinement adapters/confinement
COPY node_modules/ws node_modules/ws
COPY node_modules/zod node_modules/zod
# Compiled once, here: a pod's own disk is read-only, and its start must not wait for it.
ENV NODE_COMPILE_CACHE=/app/.cache
RUN ["node", "--input-type=module", "--eval", "await Promise.all(['pod/config-dir', 'pod/pod-claw', 'pod/servers', 'uplink', 'disk-check', 'channels/chat', 'channels/config', 'channels/tcp'].map((name) => import(`/app/service/agent/${name}.ts`))); await import('/app/sdk/contract/agent.ts')"]

FROM ${BASE}
LABEL org.opencontainers.image.title="Open Cluster Claw agent" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=app /app /app
WORKDIR /app
ENV NODE_COMPILE_CACHE=/app/.cache
USER 1000:1000
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=1", "/app/service/agent/pod/start.ts"]
