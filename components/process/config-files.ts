import * as pulumi from "@pulumi/pulumi";

/** Inputs of {@link ConfigFiles}. */
export interface ConfigFilesArgs {
  /** Absolute path of the folder. Changing it writes the files anew elsewhere. */
  readonly dir: pulumi.Input<string>;
  /** Path below `dir` → content. */
  readonly files: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>>;
}

/** A claw's config files: each replaced atomically, mode 0600. Files that are no longer declared are removed. */
export class ConfigFiles extends pulumi.CustomResource {
  /** Changes whenever one of the files does. */
  declare readonly digest: pulumi.Output<string>;

  constructor(name: string, args: ConfigFilesArgs, opts?: pulumi.CustomResourceOptions) {
    super("clusterclaw:process:ConfigFiles", name, { ...args, digest: undefined }, opts);
  }
}
