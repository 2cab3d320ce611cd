# Claws that run in pods. One target for each source of software:
#   inline: the type's program comes with its config files (Echo and other types of a manifest); Node.js alone
#     buildah build -f deploy/images/claw.Dockerfile --target inline -t claw .
#   npm: one version of a package below /opt/claw
#     buildah build -f deploy/images/claw.Dockerfile --target npm --build-arg PACKAGE=openclaw --build-arg VERSION=2026.9.6 -t openclaw:2026.9.6 .
ARG BASE=docker.io/library/node:24.18.0-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d

FROM ${BASE} AS inline
LABEL org.opencontainers.image.title="Open Cluster Claw: Node.js for claws" org.opencontainers.image.licenses="Apache-2.0"
USER 1000:1000
# The pod names the program and its arguments.
ENTRYPOINT []

FROM ${BASE} AS install
# An init: a claw starts other programs, and nobody else in its pod would collect those that end.
RUN apt-get update && apt-get install --yes --no-install-recommends tini
ARG PACKAGE=openclaw
ARG VERSION=2026.9.6
WORKDIR /opt/claw
# Without an exact version npm silently takes whatever suits the Node.js that it runs on. Of all scripts only the package's own are run:
# OpenClaw does not start before they were, and on a pod's read-only disk it can't run them itself.
RUN npm install --ignore-scripts --no-audit --no-fund --save-exact "${PACKAGE}@${VERSION}" \
  && npm rebuild "${PACKAGE}" \
  && node -e 'const { version } = require(`/opt/claw/node_modules/${process.argv[1]}/package.json`); if (version !== process.argv[2]) throw new Error(`installed ${version}`)' "${PACKAGE}" "${VERSION}"

# A base of one's own is to have `sh`, `node` and `npm`: they ask a claw that failed to start why, and install what it needs beside its software.
FROM ${BASE} AS npm
ARG PACKAGE=openclaw
ARG VERSION=2026.9.6
LABEL org.opencontainers.image.title="${PACKAGE}" org.opencontainers.image.version="${VERSION}"
COPY --from=install /usr/bin/tini /usr/bin/tini
COPY --from=install /opt/claw /opt/claw
USER 1000:1000
ENTRYPOINT ["/usr/bin/tini", "--"]
