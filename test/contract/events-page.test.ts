import { join } from "node:path";
import { describe, it } from "vitest";
import { z } from "zod";
import { type BusEventName, busEvents } from "../../sdk/contract/index.ts";
import { markdownTable } from "../support/markdown-table.ts";

const INTRODUCTION = `# Events on the bus

What happens is published to NATS JetStream as \`claw.v1.<tenantId>.<aggregate>.<event>\`, after it is committed: at least once, in order per tenant, each with an
id of its own, which is JetStream's message id too. Events of no tenant are the tenant \`default\`'s. The payload is JSON:

\`\`\`json
{ "id": "evt_…", "tenantId": "ten_…", "aggregate": "instance", "event": "created", "time": "2026-11-29T10:00:00.000Z", "data": {} }
\`\`\`

The schema of each event's \`data\` is \`busEvents\` in the contract; \`BusMessage\` is the type of a payload. Fields may be added, so ignore those that you don't know.
`;

interface Described {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

function fieldsOf(name: BusEventName): string {
  const { properties, required = [] } = z.toJSONSchema(busEvents[name].data) as unknown as Described;
  return Object.keys(properties)
    .map((field) => `\`${field}\`${required.includes(field) ? "" : "?"}`)
    .join(", ");
}

describe("the page of the bus's events", () => {
  it("is the committed one; `npx vitest run test/contract/events-page.test.ts -u` writes it", async ({ expect }) => {
    const names = (Object.keys(busEvents) as BusEventName[]).sort();
    const rows = names.map((name) => [`\`${name}\``, busEvents[name].when, fieldsOf(name)]);
    await expect(`${INTRODUCTION}\n${markdownTable(["event", "published when", "data"], rows)}`).toMatchFileSnapshot(
      join(import.meta.dirname, "../../docs/reference/events.md"),
    );
  });
});
