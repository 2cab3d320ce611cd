import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { StackSpecSchema } from "../../sdk/contract/index.ts";
import { tenantDeclarations } from "./program.ts";

/** The same program under plain `pulumi up`: `pulumi config set spec <path of a stack specification as JSON>`. */
// The CLI runs a program in its own folder; a path is meant from where the project is.
const path = resolve(pulumi.getRootDirectory(), new pulumi.Config().require("spec"));
const parsed = StackSpecSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
if (!parsed.success) {
  const issues = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new pulumi.RunError(`'${path}' is not a stack specification:\n${issues.join("\n")}`);
}
const { tenant: name, instances: declared } = parsed.data;

export const tenant = name;
const declare = tenantDeclarations(parsed.data);
/** Instance name → what was declared of it. */
export const instances = Object.fromEntries(declared.map((instance) => [instance.name, { uid: instance.uid, ...declare(instance) }]));
