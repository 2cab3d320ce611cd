#!/usr/bin/env node
// The package's program `claw-server`, which `npx open-cluster-claw` runs as well: any Node may start it.
process.argv.splice(2, 0, "service/server/main.js");
await import("../bootstrap.mjs");
