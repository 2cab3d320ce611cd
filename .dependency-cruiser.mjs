// The architecture's arrows (docs/adr, CONTRIBUTING.md). test/architecture/arrows.test.ts shows that each rule catches what it forbids.

/** Files that put the parts together: they may see everything, and only one another may see them. */
const compositionRoots = "^service/(main\\.ts$|roots/|quickstart/|server/)";

/** Code in `from` may import our own code in `allowed` only (and itself). Several roots are joined by `|`. */
const arrow = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: { path: "^(sdk|service|adapters|components|stacks|test)/", pathNot: [from, ...allowed] },
});

/** The package is imported there only. A type costs nothing at run time, but ties all the same: `typesAllowed` says where that is wanted. */
const vendor = (name, packages, allowed, typesAllowed = []) => [
  {
    name: `vendor-${name}`,
    comment: `${name} is imported in ${allowed.join(", ")} only`,
    severity: "error",
    from: { path: "^(sdk|service|adapters|components|stacks)/", pathNot: [...allowed, ...typesAllowed] },
    to: { path: `(^|/)node_modules/(${packages})/` },
  },
  ...(typesAllowed.length === 0
    ? []
    : [
        {
          name: `vendor-${name}-value`,
          comment: `${name} is a type only in ${typesAllowed.join(", ")}`,
          severity: "error",
          from: { path: typesAllowed, pathNot: allowed },
          to: { path: `(^|/)node_modules/(${packages})/`, dependencyTypesNot: ["type-only"] },
        },
      ]),
];

const contract = "^sdk/contract/";

/** The areas of the application from the ground up, with the areas that each may know. */
const areas = [
  ["secrets|runtimes", []],
  ["instances", ["secrets", "runtimes"]],
  ...[
    "configs",
    "tenancy",
    "clusters",
    "consistency",
    "drift",
    "access",
    "audit",
    "recordings",
    "custom-resources",
    "service",
    "types",
  ].map((name) => [name, ["secrets", "runtimes", "instances"]]),
  ["stacks", ["runtimes", "instances", "drift"]],
  ["rollouts", ["runtimes", "instances", "configs", "access"]],
];
const engineContract = "^adapters/engine/contract/";
const kubernetesClient = "^adapters/kubernetes/client/";

export default {
  forbidden: [
    arrow("sdk-contract-alone", "^sdk/contract/", [], "the contract knows nothing else"),
    arrow("sdk-client-alone", "^sdk/client/", [contract], "the client knows the contract only"),
    arrow("sdk-alone", "^sdk/", [], "sdk imports nothing of the rest"),
    arrow("domain-inward", "^service/domain/", [contract], "domain knows nothing outside itself but the contract"),
    arrow("application-inward", "^service/application/", ["^service/domain/", contract], "application knows domain"),
    arrow(
      "resources-know-no-area",
      "^service/application/resources/",
      ["^service/application/ports/", "^service/domain/", contract],
      "the way of a write is the same for all areas: what is an area's own reaches it through a kind or a port of it",
    ),
    ...areas.map(([names, beneath]) =>
      arrow(
        `area-${names.replaceAll("|", "-")}`,
        `^service/application/(${names})/`,
        [
          `^service/application/(${["ports", "resources", ...beneath].join("|")})/`,
          ...(beneath.includes("instances") ? ["^service/application/dependencies\\.ts$"] : []),
          "^service/domain/",
          contract,
        ],
        "an area knows what lies beneath it, never one beside or above it",
      ),
    ),
    arrow("http-inward", "^service/http/", ["^service/(domain|application)/", contract], "http knows application"),
    arrow("workers-inward", "^service/workers/", ["^service/(domain|application)/", contract], "workers know application"),
    arrow(
      "console-alone",
      "^service/console/",
      ["^sdk/client/index\\.ts$", contract],
      "the console reaches the service by its client, as others do",
    ),
    {
      name: "console-without-schemas",
      comment: "schemas and their library would be most of what a browser loads first: one file has them, for whoever writes a manifest",
      severity: "error",
      from: { path: "^service/console/", pathNot: "/check-manifest\\.ts$" },
      to: { path: contract, pathNot: "/(conditions|names|permissions|quantity|reasons)\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "console-outermost",
      comment: "nothing imports the console: it runs in browsers",
      severity: "error",
      from: { path: "^(sdk|service|adapters|components|stacks)/", pathNot: "^service/console/" },
      to: { path: "^service/console/" },
    },
    arrow("config-alone", "^service/config/", [contract], "the settings know nothing else"),
    arrow(
      "agent-alone",
      "^service/agent/",
      [contract, "^adapters/(claws|confinement)/"],
      "the agent knows the contract, the claw adapters and what confines claws",
    ),
    {
      name: "agent-without-schemas",
      comment: "an agent that has nothing to read holds no schemas: they and their library are half of its memory; it loads them on demand",
      severity: "error",
      from: { path: "^service/agent/", pathNot: "^service/agent/pod/" },
      to: {
        path: contract,
        pathNot: "/(flow|paths|reasons|registry-settings|run-dir)\\.ts$",
        dependencyTypesNot: ["type-only"],
        dynamic: false,
      },
    },
    arrow("confinement-alone", "^adapters/confinement/", [contract], "what confines claws knows the contract only"),
    arrow(
      "kubernetes-client-alone",
      kubernetesClient,
      ["^service/domain/clusters/", engineContract],
      "the client of a Kubernetes API knows none of those who use it",
    ),
    arrow("engine-contract-alone", engineContract, [], "the engine's contract knows nothing else"),
    arrow("engine-alone", "^adapters/engine/", [], "the engine runs any stack: it knows nothing of the service and its claws"),
    ...["automation", "claws", "folder-store", "identity", "kubernetes", "nats", "objectstore", "postgres", "relay", "telemetry"].map(
      (name) =>
        arrow(
          `adapter-${name}`,
          `^adapters/${name}/`,
          ["^service/application/ports/", "^service/domain/", contract, engineContract],
          "adapters implement application's ports and import nothing of one another but the engine's contract",
        ),
    ),
    arrow(
      "adapter-providers",
      "^adapters/providers/",
      ["^service/application/ports/", "^service/domain/", contract, engineContract, kubernetesClient, "^adapters/confinement/"],
      "providers are adapters too, and write where claws do. That of Kubernetes has the one arrow between neighbours: both speak to the same API server, by one client",
    ),
    arrow(
      "components-inward",
      "^components/",
      [contract, "^adapters/claws/", "^service/application/ports/instances/claw-adapter\\.ts$"],
      "components know the contract, and the claw types, by which they work out how a claw is run",
    ),
    {
      name: "entries-outermost",
      comment: "entries of the package are for those who install it",
      severity: "error",
      from: { path: "^(sdk|service|adapters|components|stacks)/" },
      to: { path: "^(components/index\\.ts$|service/roots/exports/)" },
    },
    arrow("stacks-inward", "^stacks/", ["^components/", contract], "stacks know components"),
    {
      name: "roots-compose",
      comment: "the composition roots alone see adapters, components and stacks",
      severity: "error",
      from: { path: "^service/", pathNot: `${compositionRoots}|^service/agent/` },
      to: { path: "^(adapters|components|stacks)/" },
    },
    {
      name: "roots-outermost",
      comment: "nothing of the service imports a composition root but another",
      severity: "error",
      from: { path: "^service/", pathNot: compositionRoots },
      to: { path: compositionRoots },
    },
    {
      name: "test-outside",
      comment: "nothing imports tests",
      severity: "error",
      from: { pathNot: "^test/" },
      to: { path: "^test/" },
    },

    {
      name: "contract-zod-only",
      comment: "the contract imports zod only",
      severity: "error",
      from: { path: contract },
      to: { path: "(^|/)node_modules/", pathNot: "(^|/)node_modules/zod/" },
    },
    {
      name: "client-no-dependencies",
      comment: "the client has no runtime dependencies: it takes types of the contract, not values",
      severity: "error",
      from: { path: "^sdk/client/" },
      to: { pathNot: "^sdk/client/", dependencyTypesNot: ["type-only", "core"] },
    },
    {
      name: "domain-pure",
      comment: "domain has no I/O",
      severity: "error",
      from: { path: "^service/domain/", pathNot: "^service/domain/policies/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|util)$" },
    },
    {
      name: "policies-pure",
      comment: "policies have no I/O either: of `net` they take lists of addresses, of `vm` the limit of a script's time",
      severity: "error",
      from: { path: "^service/domain/policies/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|util|net|vm)$" },
    },
    ...vendor("typeorm", "typeorm", ["^adapters/postgres/"]),
    ...vendor("pg", "pg|pg-[^/]+", ["^adapters/postgres/"]),
    ...vendor("nats", "@nats-io/[^/]+", ["^adapters/nats/"]),
    ...vendor(
      "pulumi",
      "@pulumi/[^/]+",
      ["^components/", "^stacks/", "^adapters/(automation|engine)/", "^service/roots/stack-worker\\.ts$"],
      ["^service/roots/(provider-plugin|exports/automation)\\.ts$"],
    ),
    ...vendor("grpc", "@grpc/grpc-js|google-protobuf", ["^adapters/engine/"]),
    ...vendor("kubernetes", "@kubernetes/client-node", [kubernetesClient]),
    ...vendor("fastify", "fastify|fastify-plugin|@fastify/[^/]+", ["^service/http/"]),
    ...vendor("pino", "pino", ["^adapters/telemetry/", "^service/main\\.ts$"], ["^service/"]),
    ...vendor("commander", "commander|@commander-js/[^/]+", ["^sdk/cli/", "^service/server/"]),
    ...vendor("cel", "@marcbachmann/cel-js", ["^service/domain/policies/"]),
    ...vendor("re2js", "re2js", ["^service/domain/configs/"]),
    ...vendor("openid-client", "openid-client", ["^sdk/cli/sign-in/", "^adapters/identity/"]),
    ...vendor("mcp", "@modelcontextprotocol/[^/]+", ["^sdk/cli/mcp/"]),
    {
      name: "cli-without-schemas",
      comment:
        "schemas and their library are most of what a command would load before it does anything; those that need them load them on demand",
      severity: "error",
      from: { path: "^sdk/cli/", pathNot: "^sdk/cli/mcp/" },
      to: { path: contract, pathNot: "/(conditions|local|permissions|redact)\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "mcp-on-demand",
      comment: "the protocol's library is loaded by its own command only",
      severity: "error",
      from: { path: "^sdk/cli/", pathNot: "^sdk/cli/mcp/" },
      to: { path: "^sdk/cli/mcp/", dynamic: false },
    },
    {
      name: "sign-in-on-demand",
      comment: "what talks to identity providers is loaded by those who sign in, or whose token has run out",
      severity: "error",
      from: { path: "^sdk/cli/", pathNot: "^sdk/cli/sign-in/" },
      to: { path: "^sdk/cli/sign-in/", dynamic: false },
    },
    ...vendor(
      "react",
      "react|react-dom|@tanstack/[^/]+|@radix-ui/[^/]+|@codemirror/[^/]+|@lezer/[^/]+|uplot|lucide-react|@xterm/[^/]+|vite|tailwindcss",
      ["^service/console/"],
    ),
    ...vendor("node-pty", "@lydell/node-pty", ["^service/agent/"]),

    {
      name: "no-cycles",
      comment: "no cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-barrels",
      comment: "no index files but the entries sdk/contract/index.ts, sdk/client/index.ts and components/index.ts",
      severity: "error",
      from: { path: "(^|/)index\\.ts$", pathNot: "^(sdk/(contract|client)|components)/index\\.ts$|^stacks/|(^|/)node_modules/" },
      to: {},
    },
    {
      name: "no-unresolvable",
      comment: "the import leads nowhere",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-dev-dependencies",
      comment: "what runs imports what is installed to run it",
      severity: "error",
      // The console's libraries are built into it.
      from: { path: "^(sdk|service|adapters|components|stacks)/", pathNot: "^service/console/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], pathNot: "(^|/)node_modules/@types/" },
    },
  ],
  options: {
    doNotFollow: { path: "(^|/)node_modules/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["node", "import", "require", "types"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".d.ts"],
    },
  },
};
