import { join } from "node:path";
import { describe, it } from "vitest";
import { PERMISSIONS, permissionFacts, type Route, roles, routes, webSockets } from "../../sdk/contract/index.ts";
import { markdownTable } from "../support/markdown-table.ts";

const INTRODUCTION = `# Permissions and roles

Who may do what, as [the contract](../../sdk/contract/permissions.ts) has it; [the guide](../guides/access.md) says how roles are given. A permission is had in a
project, in a tenant as a whole, or on the platform: the table says where it can be given at the narrowest. A role that is bound in a smaller place gives what
can be given there.
`;

const ROLES = Object.entries(roles) as [string, { readonly summary: string; readonly permissions: readonly string[] }][];

describe("the page of permissions and roles", () => {
  it("is the committed one; `npx vitest run test/contract/access-page.test.ts -u` writes it", async ({ expect }) => {
    const given = PERMISSIONS.map((permission) => {
      const { scope, allows, fromProject } = permissionFacts(permission);
      const narrowest = fromProject ? `${scope}, and by any role in a project of it` : scope;
      return [`\`${permission}\``, allows, narrowest, ...ROLES.map(([, role]) => (role.permissions.includes(permission) ? "✓" : ""))];
    });
    const taking = new Map<string, string[]>();
    const ids = (Object.entries(routes) as [string, Route][]).map(([id, { permission }]) => [id, permission] as const);
    const streams = Object.entries(webSockets).map(([name, { permission }]) => [`the stream \`${name}\``, permission] as const);
    for (const [id, permission = "none"] of [...ids, ...streams]) {
      taking.set(permission, [...(taking.get(permission) ?? []), id.includes(" ") ? id : `\`${id}\``]);
    }
    const page = [
      INTRODUCTION,
      markdownTable(["permission", "lets one", "given in a", ...ROLES.map(([name]) => name)], given),
      "## The roles that are always there\n",
      markdownTable(
        ["role", "for whom"],
        ROLES.map(([name, { summary }]) => [`\`${name}\``, summary]),
      ),
      "## What routes take\n\nA write, and a preview of it, takes what its kind's routes take, in the place of the resource. Those that take none answer anybody with a credential, of what is theirs to see.\n",
      markdownTable(
        ["permission", "routes"],
        [...PERMISSIONS, "none"].map((permission) => [`\`${permission}\``, (taking.get(permission) ?? ["-"]).join(", ")]),
      ),
    ].join("\n");
    await expect(page).toMatchFileSnapshot(join(import.meta.dirname, "../../docs/reference/access.md"));
  });

  it("has no permission that nothing takes but a value: a session that is shared, what names the host's own", ({ expect }) => {
    const taken = new Set([...Object.values(routes), ...Object.values(webSockets)].map((route) => (route as Partial<Route>).permission));
    expect(PERMISSIONS.filter((permission) => !taken.has(permission))).toEqual(["instances.share", "host.use"]);
  });
});
