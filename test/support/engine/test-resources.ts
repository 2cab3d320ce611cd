import * as pulumi from "@pulumi/pulumi";

type Args = Readonly<Record<string, unknown>>;

/** A resource of the test provider; see `TestProvider` for what its property names do. */
export class Thing extends pulumi.CustomResource {
  declare readonly revision: pulumi.Output<number>;
  declare readonly size: pulumi.Output<number>;
  constructor(name: string, args: Args = {}, opts: pulumi.CustomResourceOptions = {}, type = "testing:index:Thing") {
    super(type, name, { revision: undefined, ...args }, opts);
  }
}

export class Plain extends Thing {
  constructor(name: string, args: Args = {}, opts: pulumi.CustomResourceOptions = {}) {
    super(name, args, opts, "testing:index:Plain");
  }
}

export class Vague extends Thing {
  constructor(name: string, args: Args = {}, opts: pulumi.CustomResourceOptions = {}) {
    super(name, args, opts, "testing:index:Vague");
  }
}

/** Makes a `name` of its own when none is given. */
export class Named extends Thing {
  declare readonly name: pulumi.Output<string>;
  constructor(name: string, args: Args = {}, opts: pulumi.CustomResourceOptions = {}) {
    super(name, { name: undefined, ...args }, opts, "testing:index:Named");
  }
}

export class Component extends pulumi.ComponentResource {
  constructor(name: string, args: Args = {}, opts: pulumi.ComponentResourceOptions = {}, outputs: Args = {}) {
    super("test:index:Component", name, args, opts);
    this.registerOutputs(outputs);
  }
}

export class Provider extends pulumi.ProviderResource {
  constructor(name: string, args: Args = {}, opts: pulumi.ResourceOptions = {}, packageName = "testing") {
    super(packageName, name, args, opts);
  }
}
