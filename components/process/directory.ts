import * as pulumi from "@pulumi/pulumi";

/** Inputs of {@link Directory}. */
export interface DirectoryArgs {
  /** Absolute path on the host. Changing it makes another folder. */
  readonly path: pulumi.Input<string>;
  /** Permission bits in octal, such as `0700`. */
  readonly mode: pulumi.Input<string>;
  /** What happens to the folder and its content when the resource is deleted. */
  readonly deletion: pulumi.Input<"retain" | "delete">;
}

/** A folder of the host. One that exists is adopted. */
export class Directory extends pulumi.CustomResource {
  /** Absolute path on the host, known once the folder exists. */
  declare readonly path: pulumi.Output<string>;

  constructor(name: string, args: DirectoryArgs, opts?: pulumi.CustomResourceOptions) {
    super("clusterclaw:process:Directory", name, { ...args }, opts);
  }
}
