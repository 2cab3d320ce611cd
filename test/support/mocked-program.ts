import * as pulumi from "@pulumi/pulumi";
import { PROJECT_NAME, stackName } from "../../components/claw-instance/urns.ts";
import type { StackIdentity, StackSpec } from "../../sdk/contract/index.ts";

const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const SIGNATURE = "4dabf18193072939515e22adb298388d";

const registered: pulumi.runtime.MockResourceArgs[] = [];

/** Lets programs of this process register resources with no engine. @param computed outputs that a type adds to its inputs */
export async function mockEngine(
  stack: StackIdentity,
  computed: (args: pulumi.runtime.MockResourceArgs) => Record<string, unknown> = () => ({}),
): Promise<void> {
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => {
        registered.push(args);
        return { id: args.name, state: { ...args.inputs, ...computed(args) } };
      },
      call: () => ({}),
    },
    PROJECT_NAME,
    stackName(stack),
    false,
  );
}

/** What the tenant program registers, by name. */
export async function evaluateTenant(spec: StackSpec) {
  const { tenantProgram } = await import("../../stacks/tenant/program.ts");
  return evaluate(tenantProgram(spec));
}

/** What a program registers, by name. */
export async function evaluate(program: () => Promise<unknown>) {
  registered.length = 0;
  const outputs = await pulumi.runtime.runInPulumiStack(program).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { outputs, resources: new Map(registered.map((args) => [args.name, args])) };
}

/** A value as a program hands it to the engine for safe keeping. */
export const secret = (value: unknown) => ({ [SIGNATURE]: SECRET, value });

/** The type and name that a URN ends with, for one whose parents may be left out. */
export const typeAndName = (urn: string) => urn.split("::").slice(2).join("::").replace(/^.*\$/, "");
