import type * as pulumi from "@pulumi/pulumi";
import type { ResolvedInstance } from "../../sdk/contract/index.ts";

/** Declares one instance in the running program. @returns its outputs */
export type Declare = (instance: ResolvedInstance) => Readonly<Record<string, pulumi.Output<string>>>;
