# NanoClaw's host process, below /opt/claw. It is in no registry of packages: it is built of a commit of its repository.
#   buildah build -f deploy/images/nanoclaw.Dockerfile -t nanoclaw:2.0.64 .
# It runs its agents as containers of a Docker engine (DOCKER_HOST), which must see the instance's data and /opt/claw under the same paths.
# Node.js 22: its SQLite (better-sqlite3 11) aborts at the end of a process of Node.js 24.
ARG BASE=docker.io/library/node:22.23.1-bookworm-slim@sha256:6c74791e557ce11fc957704f6d4fe134a7bc8d6f5ca4403205b2966bd488f6b3

FROM ${BASE} AS source
ARG REPOSITORY=https://github.com/qwibitai/nanoclaw.git
ARG COMMIT=0683c6ec589ec0df74c2a3d99f9544127317b490
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates git
WORKDIR /opt/claw
RUN git init --quiet && git fetch --quiet --depth 1 "${REPOSITORY}" "${COMMIT}" && git checkout --quiet FETCH_HEAD && rm -rf .git

FROM ${BASE} AS install
RUN apt-get update && apt-get install --yes --no-install-recommends docker.io g++ make python3 tini
COPY --from=source /opt/claw /opt/claw
WORKDIR /opt/claw
# No script of a package is run but the build of its SQLite, of headers that Node.js came with. What it sets up a chat with needs all of the
# packages.
RUN npx --yes pnpm@10.33.0 install --frozen-lockfile --ignore-scripts \
  && node_modules/.bin/tsc \
  && cd node_modules/better-sqlite3 \
  && npm_config_nodedir=/usr/local npx --yes node-gyp@11.5.0 rebuild --release

FROM ${BASE}
LABEL org.opencontainers.image.title="nanoclaw" org.opencontainers.image.version="2.0.64"
COPY --from=install /usr/bin/tini /usr/bin/docker /usr/bin/
COPY --from=install /opt/claw /opt/claw
USER 1000:1000
ENTRYPOINT ["/usr/bin/tini", "--"]
