// The least that a service of this kind can be: Fastify with one handler, which answers the document of BARE_ANSWER to everybody.
import { readFileSync } from "node:fs";
import fastify from "fastify";

const answer = JSON.parse(readFileSync(process.env["BARE_ANSWER"] ?? "", "utf8"));
const app = fastify();
app.get("/api/v1/instances/:id", () => answer);
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
