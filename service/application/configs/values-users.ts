import { parseConfigKey } from "../../../sdk/contract/index.ts";
import { ConfigLevel, levelOf, type StoredConfigValues } from "../../domain/configs/config-values.ts";
import { declaredKeys } from "../../domain/configs/resolve-config.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { InstanceUse } from "../ports/instances/repository.ts";
import type { Page, PageQuery } from "../ports/resources/page.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { pagesOf } from "../resources/pages.ts";

/** Where values hold. */
export type ValuesPlace = Pick<StoredConfigValues, "projectId" | "instanceId"> & { readonly spec: Pick<StoredConfigValues["spec"], "at"> };

/** What it takes to see whether values of a level mean anything to an instance. */
interface User {
  readonly type: string;
  readonly template: string | undefined;
}

interface Listing<T> {
  readonly list: (use: InstanceUse | "any", page: PageQuery) => Promise<Page<T>>;
  readonly user: (item: T) => User;
}

/** Of one tenant, the instances in reach of values for which at least one of the keys means something; some at a time. */
export async function* usersOfValues<T>(
  scope: TenantTransaction,
  place: ValuesPlace,
  keys: readonly string[],
  types: ClawTypes,
  { list, user }: Listing<T>,
): AsyncGenerator<readonly T[]> {
  const paths = keys.map((key) => parseConfigKey(key));
  const known = new Map<string, boolean>();
  const meansSomething = async ({ type, template }: User): Promise<boolean> => {
    // What an instance is given for itself always applies.
    if (levelOf(place.spec.at) === ConfigLevel.Instance) {
      return true;
    }
    const key = `${type}/${template ?? ""}`;
    const answer = known.get(key) ?? (await declaresAny(scope, { type, template }, paths, types));
    known.set(key, answer);
    return answer;
  };
  for await (const page of pagesOf((query) => list(useOf(place), query))) {
    const found: T[] = [];
    for (const item of page) {
      if (await meansSomething(user(item))) {
        found.push(item);
      }
    }
    yield found;
  }
}

async function declaresAny(scope: TenantTransaction, { type, template: name }: User, paths: readonly string[][], types: ClawTypes) {
  const adapter = await types.find(type, scope);
  const template = name === undefined ? undefined : await scope.templates.find(name);
  const published = template && (await scope.templates.findVersion(template.id, template.publishedVersion));
  const declared = declaredKeys(published?.spec, adapter ?? { defaults: {}, secretKeys: [] });
  return paths.some((path) => declared.covers(path));
}

function useOf({ projectId, instanceId }: ValuesPlace): InstanceUse | "any" {
  if (instanceId !== undefined) {
    return { instance: instanceId };
  }
  return projectId === undefined ? "any" : { project: projectId };
}
