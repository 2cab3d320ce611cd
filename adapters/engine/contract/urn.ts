export const ROOT_STACK_TYPE = "pulumi:pulumi:Stack";
const PROVIDER_TYPE_PREFIX = "pulumi:providers:";

export interface UrnParts {
  readonly stack: string;
  readonly project: string;
  /** The parents' types and the type, joined by `$`. */
  readonly qualifiedType: string;
  readonly type: string;
  /** May itself hold `::`. */
  readonly name: string;
}

const parsed = new Map<string, UrnParts>();
const PARSED_LIMIT = 50_000;

export function parseUrn(urn: string): UrnParts {
  const known = parsed.get(urn);
  if (known) {
    return known;
  }
  if (!isUrn(urn)) {
    throw new Error(`invalid URN '${urn}'`);
  }
  const [head = "", project = "", qualifiedType = "", ...name] = urn.split("::");
  const parts: UrnParts = {
    stack: head.slice("urn:pulumi:".length),
    project,
    qualifiedType,
    type: qualifiedType.slice(qualifiedType.lastIndexOf("$") + 1),
    name: name.join("::"),
  };
  if (parsed.size >= PARSED_LIMIT) {
    parsed.clear();
  }
  parsed.set(urn, parts);
  return parts;
}

export function isUrn(text: string): boolean {
  return text.startsWith("urn:pulumi:") && text.split("::", 4).length === 4;
}

export function isRootUrn(urn: string): boolean {
  return parseUrn(urn).qualifiedType === ROOT_STACK_TYPE;
}

export function makeUrn(stack: string, project: string, parent: string | undefined, type: string, name: string): string {
  const parentType = parent && !isRootUrn(parent) ? `${parseUrn(parent).qualifiedType}$` : "";
  return `urn:pulumi:${stack}::${project}::${parentType}${type}::${name}`;
}

export function isProviderType(type: string): boolean {
  return type.startsWith(PROVIDER_TYPE_PREFIX);
}

export function providerType(packageName: string): string {
  return PROVIDER_TYPE_PREFIX + packageName;
}

/** The package of a provider's type token (`pulumi:providers:aws` → `aws`). */
export function providerPackage(type: string): string {
  return type.slice(PROVIDER_TYPE_PREFIX.length);
}

/** The package of a resource's type token or a function's token (`aws:s3/bucket:Bucket` → `aws`). */
export function packageOf(token: string): string {
  const end = token.indexOf(":");
  return end < 0 ? token : token.slice(0, end);
}

/** Splits a provider reference, `URN::ID`. */
export function parseReference(reference: string): { urn: string; id: string } {
  const at = reference.lastIndexOf("::");
  return { urn: reference.slice(0, at), id: reference.slice(at + 2) };
}

export function makeReference(urn: string, id: string): string {
  return `${urn}::${id}`;
}
