import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The service that `npx vite --config service/console/vite.config.ts` stands in front of. */
const service = process.env["CLAW_URL"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), tailwindcss()],
  // Browsers that have what the styles use: nesting, `color-mix`, `:has`.
  build: { target: "es2023", assetsInlineLimit: 0, chunkSizeWarningLimit: 1000 },
  server: { proxy: { "/api": { target: service, ws: true }, "/auth": service, "/docs": service } },
});
