import { join } from "node:path";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { iconPng } from "./offline/icons.ts";

/** The service that `npx vite --config service/console/vite.config.ts` stands in front of. */
const service = process.env["CLAW_URL"] ?? "http://127.0.0.1:8787";
const ICONS = { "icon-192.png": [192, false], "icon-512.png": [512, false], "icon-maskable-512.png": [512, true] } as const;

/** What makes it an application of its own on a phone: icons, drawn here, and a worker that knows which files to keep. */
const installable: Plugin = {
  name: "installable",
  generateBundle(_options, bundle) {
    for (const [fileName, [pixels, isMaskable]] of Object.entries(ICONS)) {
      this.emitFile({ type: "asset", fileName, source: iconPng(pixels, isMaskable) });
    }
    const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
    const first = new Set<string>();
    const load = (name: string): void => {
      const chunk = chunks.find(({ fileName }) => fileName === name);
      if (chunk && !first.has(name)) {
        first.add(name);
        for (const style of chunk.viteMetadata?.importedCss ?? []) {
          first.add(style);
        }
        chunk.imports.forEach(load);
      }
    };
    load(chunks.find(({ isEntry, name }) => isEntry && name === "index")?.fileName ?? "");
    const worker = chunks.find(({ fileName }) => fileName === "worker.js");
    if (!worker || first.size === 0) {
      this.error("the console has no worker, or nothing that is loaded first");
    }
    worker.code = `const FIRST_FILES = ${JSON.stringify([...first].sort().map((name) => `/${name}`))};\n${worker.code}`;
  },
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), tailwindcss(), installable],
  // Browsers that have what the styles use: nesting, `color-mix`, `:has`.
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    rollupOptions: {
      input: { index: join(import.meta.dirname, "index.html"), worker: join(import.meta.dirname, "offline/worker.ts") },
      // Browsers look for a worker under the name that it had.
      output: { entryFileNames: ({ name }) => (name === "worker" ? "worker.js" : "assets/[name]-[hash].js") },
    },
  },
  server: { proxy: { "/api": { target: service, ws: true }, "/auth": service, "/docs": service } },
});
