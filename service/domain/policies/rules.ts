import { BlockList, isIPv6 } from "node:net";
import {
  type InstanceSpec,
  type Issue,
  LabelKeySchema,
  POLICY_RULES,
  type PolicyRule,
  parseQuantity,
  QuantitySchema,
  unknownKeyFix,
} from "../../../sdk/contract/index.ts";

/** What policies are evaluated on. */
export interface PolicySubject {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: InstanceSpec;
  /** The effective software version. */
  readonly version: string;
  /** The models that the rendered configuration names, and the keys that name them. */
  readonly models: readonly { readonly path: string; readonly model: string }[];
  /** The skills that it names or leaves on. */
  readonly skills: readonly { readonly path: string; readonly skill: string }[];
  /** Where it runs, and what keeps it apart there: undefined on the control plane's own host, which has no network policies. */
  readonly cluster: string;
  readonly network: { readonly enabled: boolean; readonly allowedEgress: readonly string[] } | undefined;
}

/** What is wrong with an instance: `field` is what it says, and what may be said. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

interface Rule {
  /** Why a value can't be evaluated, and what would be one. */
  check?(value: string): { readonly message: string; readonly fix: string } | undefined;
  judge(value: string, subject: PolicySubject): Fault | undefined;
}

/** The rules that are there ready. */
const RULES: Readonly<Record<PolicyRule, Rule>> = {
  "allowed-types": { judge: (value, { spec }) => refuseUnlisted("spec.type", value, spec.type) },
  "allowed-versions": { judge: (value, { version }) => refuseUnlisted("spec.version", value, version) },
  "allowed-models": {
    judge(value, { models }) {
      const refused = models.find(({ model }) => !listOf(value).some((item) => isModel(item, model)));
      return refused && unlisted(refused.path, value, refused.model);
    },
  },
  "allowed-skills": {
    judge(value, { skills }) {
      const refused = skills.find(({ skill }) => !listOf(value).some((item) => isSkill(item, skill)));
      return refused && unlisted(refused.path, value, refused.skill);
    },
  },
  "max-replicas": {
    check: (value) => (/^\d+$/.test(value) ? undefined : { message: `'${value}' is not a number`, fix: "give a whole number such as '3'" }),
    judge: (value, { spec }) => (spec.replicas > Number(value) ? tooMuch("spec.replicas", String(spec.replicas), value) : undefined),
  },
  "max-resources": {
    check: (value) =>
      limitsOf(value) ? undefined : { message: `'${value}' are no limits`, fix: "give some such as 'cpu=2, memory=4Gi, storage=20Gi'" },
    judge(value, { spec }) {
      const asked = { cpu: spec.resources.cpu, memory: spec.resources.memory, storage: spec.storage.size };
      const paths = { cpu: "spec.resources.cpu", memory: "spec.resources.memory", storage: "spec.storage.size" };
      const over = limitsOf(value)?.find(({ of, most }) => parseQuantity(asked[of]) > parseQuantity(most));
      return over && tooMuch(paths[over.of], asked[over.of], over.most);
    },
  },
  "exposed-ports": {
    check: (value) =>
      portsOf(value) ? undefined : { message: `'${value}' are no ports`, fix: "give some such as '8080, 9000-9100', or 'none'" },
    judge(value, { spec: { network } }) {
      const ranges = portsOf(value) ?? [];
      if (network.expose && ranges.length === 0) {
        return { path: "spec.network.expose", message: "spec.network.expose is true, no instance may be reached from outside" };
      }
      if (network.expose && network.port === undefined) {
        return {
          path: "spec.network.port",
          message: `spec.network.port is not set, and an instance that is exposed names one of ${value}`,
        };
      }
      const { port } = network;
      return port === undefined || ranges.length === 0 || ranges.some(([first, last]) => first <= port && port <= last)
        ? undefined
        : unlisted("spec.network.port", value, String(port));
    },
  },
  "require-network-policy": {
    check: (value) => (value === "true" ? undefined : { message: `'${value}' says nothing`, fix: "give 'true', or leave the policy out" }),
    judge: (_value, { cluster, network }) =>
      network?.enabled
        ? undefined
        : { path: "spec.placement", message: `it is on '${cluster}', which keeps instances apart by no network policies` },
  },
  "allowed-egress": {
    check: (value) =>
      networksOf(value)
        ? undefined
        : { message: `'${value}' are no networks`, fix: "give some such as '10.0.0.0/8, 2001:db8::/32', or 'none'" },
    judge(value, { cluster, network }) {
      if (!network?.enabled) {
        return { path: "spec.placement", message: `it is on '${cluster}', from where it reaches everything, allowed is ${value}` };
      }
      const wide = network.allowedEgress.find((reached) => !(networksOf(value) ?? []).some((allowed) => contains(allowed, reached)));
      return wide === undefined
        ? undefined
        : { path: "spec.placement", message: `it is on '${cluster}', from where it reaches ${wide}, allowed is ${value}` };
    },
  },
  "required-labels": {
    check: (value) =>
      labelsOf(value).every(({ key }) => LabelKeySchema.safeParse(key).success)
        ? undefined
        : { message: `'${value}' are no labels`, fix: "give some such as 'team, env=prod|dev'" },
    judge(value, { labels }) {
      for (const { key, values } of labelsOf(value)) {
        const own = labels[key];
        if (own === undefined) {
          return {
            path: `metadata.labels.${key}`,
            message: `it has no label '${key}'${values ? `, which is one of ${values.join(", ")}` : ""}`,
          };
        }
        if (values && !values.includes(own)) {
          return { path: `metadata.labels.${key}`, message: `the label '${key}' is '${own}', allowed are ${values.join(", ")}` };
        }
      }
      return undefined;
    },
  },
};

/** What is wrong with a rule itself: `name` or `value`. */
export function ruleIssue({ name, value }: { readonly name: string; readonly value: string }): (Issue & { fix: string }) | undefined {
  if (!isRule(name)) {
    return { path: "name", message: `unknown policy '${name}'`, fix: unknownKeyFix(name, POLICY_RULES) };
  }
  const wrong = RULES[name].check?.(value);
  return wrong && { path: "value", ...wrong };
}

export function judgeRule({ name, value }: { readonly name: string; readonly value: string }, subject: PolicySubject): Fault | undefined {
  return isRule(name) ? RULES[name].judge(value, subject) : undefined;
}

/** Whether it takes the network of where an instance runs. */
export function isAboutNetwork(name: string | undefined): boolean {
  return name === "require-network-policy" || name === "allowed-egress";
}

function isRule(name: string): name is PolicyRule {
  return Object.hasOwn(RULES, name);
}

function refuseUnlisted(path: string, list: string, value: string): Fault | undefined {
  return listOf(list).some((item) => item.toLowerCase() === value.toLowerCase()) ? undefined : unlisted(path, list, value);
}

function unlisted(path: string, list: string, value: string): Fault {
  return { path, message: `${path} is '${value}', allowed are ${listOf(list).join(", ")}` };
}

function tooMuch(path: string, value: string, most: string): Fault {
  return { path, message: `${path} is ${value}, at most ${most} ${most === "1" ? "is" : "are"} allowed` };
}

export function listOf(list: string): string[] {
  return list.split(",").map((item) => item.trim());
}

/** Whether a policy's item means a model: `provider/*` means all of a provider's, a name without its provider that model of anybody's. */
export function isModel(item: string, model: string): boolean {
  const [wanted, full] = [item.toLowerCase(), model.toLowerCase()];
  const names = [full, full.slice(full.indexOf("/") + 1), full.slice(full.lastIndexOf("/") + 1)];
  return wanted.endsWith("/*") ? full.startsWith(wanted.slice(0, -1)) : names.includes(wanted);
}

/** `github-*` is all that begin so. */
export function isSkill(item: string, skill: string): boolean {
  return item.endsWith("*") ? skill.startsWith(item.slice(0, -1)) : item === skill;
}

const LIMITED = ["cpu", "memory", "storage"] as const;

function limitsOf(value: string): { of: (typeof LIMITED)[number]; most: string }[] | undefined {
  const limits = listOf(value).map((item) => {
    const [name, most = ""] = item.split("=").map((part) => part.trim());
    const of = LIMITED.find((known) => known === name);
    return of && QuantitySchema.safeParse(most).success ? { of, most } : undefined;
  });
  return limits.some((limit) => limit === undefined) ? undefined : limits.filter((limit) => limit !== undefined);
}

const PORT_MAX = 65_535;

function portsOf(value: string): (readonly [first: number, last: number])[] | undefined {
  if (value.trim() === "none") {
    return [];
  }
  const ranges = listOf(value).map((item) => {
    const [, from, to = from] = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(item) ?? [];
    const range = [Number(from), Number(to)] as const;
    return from !== undefined && range[0] >= 1 && range[0] <= range[1] && range[1] <= PORT_MAX ? range : undefined;
  });
  return ranges.some((range) => range === undefined) ? undefined : ranges.filter((range) => range !== undefined);
}

function labelsOf(value: string): { key: string; values: string[] | undefined }[] {
  return listOf(value).map((item) => {
    const [key = "", values] = item.split("=", 2).map((part) => part.trim());
    return { key, values: values?.split("|").map((one) => one.trim()) };
  });
}

function networksOf(value: string): string[] | undefined {
  if (value.trim() === "none") {
    return [];
  }
  const networks = listOf(value);
  return networks.every((network) => blockOf(network) !== undefined) ? networks : undefined;
}

function blockOf(network: string): BlockList | undefined {
  const [address = "", bits = ""] = network.split("/");
  try {
    const block = new BlockList();
    block.addSubnet(address, /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN, familyOf(address));
    return block;
  } catch {
    return undefined;
  }
}

/** Whether a network is within another. */
function contains(outer: string, inner: string): boolean {
  const [address = "", bits] = inner.split("/");
  const isSame = familyOf(address) === familyOf(outer.split("/")[0] ?? "");
  return isSame && Number(bits) >= Number(outer.split("/")[1]) && (blockOf(outer)?.check(address, familyOf(address)) ?? false);
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
