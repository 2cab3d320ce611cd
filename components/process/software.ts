import * as pulumi from "@pulumi/pulumi";

/** Inputs of {@link Software}. */
export interface SoftwareArgs {
  /** `npm` for a package of the registry; `archive` for a tar file; `inline` when the software is among the config files and nothing is installed. */
  readonly source: pulumi.Input<"npm" | "archive" | "inline">;
  /** The folder of the host that installed versions are kept in, shared by all stacks. For `npm` and `archive`. */
  readonly cacheDir?: pulumi.Input<string | undefined>;
  /** Name of the npm package. For `npm`. */
  readonly package?: pulumi.Input<string | undefined>;
  /** Where the archive is. For `archive`. */
  readonly url?: pulumi.Input<string | undefined>;
  /** SHA-256 of the archive: what is there must be it. For `archive`. */
  readonly sha256?: pulumi.Input<string | undefined>;
  /** The exact version. */
  readonly version: pulumi.Input<string>;
}

/** A claw's software, installed once per host and version. Deleting it leaves the installation to the others that use it. */
export class Software extends pulumi.CustomResource {
  /** The folder it is installed in: of a package `node_modules` is below it. Undefined for inline software. */
  declare readonly dir: pulumi.Output<string | undefined>;
  /** Program name → absolute path, of a package. */
  declare readonly bin: pulumi.Output<Readonly<Record<string, string>> | undefined>;

  constructor(name: string, args: SoftwareArgs, opts?: pulumi.CustomResourceOptions) {
    super("clusterclaw:process:Software", name, { ...args, dir: undefined, bin: undefined }, opts);
  }
}
