// One file, though a long one: the calls of one provider, which all share its cluster, its rules of naming and how it tells of failures.
import { setTimeout as delay } from "node:timers/promises";
import { KubeconfigError } from "../../../service/domain/clusters/kubeconfig.ts";
import {
  type CheckRequest,
  type CheckResult,
  type CreateRequest,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  type ReadRequest,
  ResourceInitError,
  type ResourceProvider,
  type UpdateRequest,
} from "../../engine/contract/provider.ts";
import { hasUnknowns, type PropertyMap } from "../../engine/contract/values.ts";
import { ApiClient } from "../../kubernetes/client/api-client.ts";
import { ApiError, NoMatchError, UnreachableError } from "../../kubernetes/client/api-errors.ts";
import { type Connection, openConnection } from "../../kubernetes/client/kubeconfig.ts";
import { hasAnnotation, type KubeObject, nameOf, namespaceOf, textAt, withAt } from "../../kubernetes/client/objects.ts";
import { apply, get, isCreator, isForced, isMadeByPulumi, relinquish, takeOverFields } from "./apply.ts";
import { awaitReady, judgeNow, NotReadyError, type Waiting } from "./await-ready.ts";
import { ClusterKinds, type Resource } from "./cluster.ts";
import { deleteObject, NotGoneError } from "./delete.ts";
import { diffObject } from "./diff-object.ts";
import { idOf, parseId, parseType } from "./identity.ts";
import { withoutIgnored } from "./ignored.ts";
import { isInDoubt, LOOK_MS, sendSurely } from "./in-doubt.ts";
import { autonamed, inNamespace } from "./naming.ts";
import { checkProviderConfig, type ProviderConfig, parseProviderConfig } from "./provider-config.ts";
import { diffProviderConfig } from "./provider-config-diff.ts";
import {
  alreadyExists,
  DELETE_UNREACHABLE_HINT,
  ifGone,
  ifNoMatch,
  managersOf,
  READ_UNREACHABLE_HINT,
  refuse,
  wrapped,
} from "./refusals.ts";
import {
  fieldManagerFor,
  fieldManagerOf,
  inputsAsDeclared,
  inputsOfLive,
  parseOutputs,
  type State,
  toInputs,
  toObject,
  toOutputs,
} from "./state.ts";
import { validate } from "./validate.ts";

/** One cluster as one configuration reaches it. */
interface Session {
  readonly config: ProviderConfig;
  readonly namespace: string;
  readonly client: ApiClient;
  readonly kinds: ClusterKinds;
}

/**
 * The `kubernetes` package: any kind that the server has, by server-side apply. Type tokens, inputs and outputs are those of Pulumi's
 * own provider, so that a stack moves between the two.
 */
export class KubernetesProvider implements ResourceProvider {
  readonly packageName = "kubernetes";
  readonly version = "4.34.2";
  readonly acceptsSecrets = true;
  readonly supportsPreview = true;
  readonly supportsNaming = true;
  readonly #env: NodeJS.ProcessEnv;
  #config: ProviderConfig | undefined;
  #session: Session | { readonly unreachable: string } = { unreachable: "the provider is not configured" };

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.#env = env;
  }

  async checkConfig({ news }: CheckRequest): Promise<CheckResult> {
    return { inputs: news, failures: checkProviderConfig(news) };
  }

  async diffConfig({ oldInputs, news }: DiffRequest): Promise<DiffResult> {
    return diffProviderConfig(oldInputs, news);
  }

  async configure(properties: PropertyMap): Promise<void> {
    const config = parseProviderConfig(toObject(properties), this.#env);
    this.#config = config;
    let connection: Connection;
    try {
      connection = openConnection(config);
    } catch (error) {
      // As with Pulumi's provider: what needs no cluster goes on, such as forgetting resources of one that is gone.
      const why = error instanceof KubeconfigError ? `it ${error.message}` : error instanceof Error ? error.message : String(error);
      this.#session = { unreachable: `the kubeconfig can't be used: ${why}` };
      return;
    }
    const client = new ApiClient(connection);
    this.#session = { config, client, kinds: new ClusterKinds(client), namespace: config.namespace || connection.namespace };
  }

  async check(request: CheckRequest): Promise<CheckResult> {
    const { urn, type, olds, news, naming, log } = request;
    const { apiVersion, kind, isPatch } = parseType(type);
    let object = toObject({ ...news, apiVersion, kind });
    if (textAt(object, "metadata", "generateName") !== "") {
      return refuse(news, "metadata.generateName", "is not supported with server-side apply; leave the name out to have one made");
    }
    const previous = toObject(olds);
    if (nameOf(object) === "") {
      if (isPatch) {
        return refuse(news, "metadata.name", "is required: a patch is of an object that exists");
      }
      if (naming?.mode === "disable" && !hasAnnotation(previous, "pulumi.com/autonamed")) {
        return refuse(news, "metadata.name", "is required: the stack's config disables naming (pulumi:autonaming)");
      }
      object = autonamed(object, previous, request);
    }
    try {
      const { kinds, namespace } = this.#open();
      const schemas = await kinds.schemas(apiVersion, kind);
      const schema = schemas?.of(kind);
      const resource = await kinds.resource(apiVersion, kind).catch(ifNoMatch);
      // A kind whose definition is still to be made is taken for a namespaced one, as most are.
      if (namespaceOf(object) === "" && namespace !== "" && (resource?.isNamespaced ?? true)) {
        object = withAt(object, ["metadata", "namespace"], namespace);
      }
      const failures = schema && schemas && !isPatch ? validate(object, schema, schemas) : [];
      return { inputs: toInputs(object, news), failures };
    } catch (error) {
      if (error instanceof UnreachableError) {
        if (this.#config?.skipUpdateUnreachable && Object.keys(olds).length > 0) {
          log?.("warning", `${error.message}; skipUpdateUnreachable is set, so '${urn}' is left as it is`);
          return { inputs: olds, failures: [] };
        }
        return { inputs: toInputs(object, news), failures: [] };
      }
      throw error;
    }
  }

  async diff({ urn, oldInputs, oldOutputs, news, ignoreChanges }: DiffRequest): Promise<DiffResult> {
    const state = parseOutputs(oldOutputs, urn);
    const inputs = toObject(news);
    const plan = async () => {
      const { client, kinds } = this.#open();
      const resource = await kinds.resource(textAt(inputs, "apiVersion"), textAt(inputs, "kind"));
      const fieldManager = fieldManagerFor(inputs, state.fieldManager);
      const target = await this.#target(inputs, resource, { ignoreChanges, managers: [fieldManager, state.fieldManager] });
      // Whose the fields are is a question of applying, not of what changes.
      return apply(client, resource, target, { fieldManager, force: true, dryRun: true });
    };
    return diffObject({
      olds: toObject(oldInputs),
      news: inputs,
      live: state.live,
      ignoreChanges,
      plan,
      mutability: {
        enableConfigMapMutable: this.#config?.enableConfigMapMutable ?? false,
        enableSecretMutable: this.#config?.enableSecretMutable ?? false,
      },
    });
  }

  async create(request: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const { urn, type, inputs: given, preview, signal, log } = request;
    const inputs = toObject(given);
    const { client, kinds, config } = this.#open();
    const { isPatch } = parseType(type);
    const fieldManager = fieldManagerFor(inputs, fieldManagerOf(urn));
    const unplanned = { id: "", outputs: given };
    if (preview && hasUnknowns(inputs)) {
      return unplanned;
    }
    const resource = preview
      ? await kinds.resource(textAt(inputs, "apiVersion"), textAt(inputs, "kind")).catch(ifNoMatch)
      : await this.#patiently(() => kinds.resource(textAt(inputs, "apiVersion"), textAt(inputs, "kind")), request);
    if (!resource) {
      return unplanned;
    }
    const target = inNamespace(inputs, resource);
    const existing = await get(client, resource, namespaceOf(target), nameOf(target), signal);
    const isOwn = existing !== undefined && managersOf(existing).includes(fieldManager);
    if (isPatch && !existing && !preview) {
      throw new Error(`resource ${urn} was not successfully created: there is no ${inputs["kind"]} ${idOf(target)} to patch`);
    }
    if (existing && !isPatch && !isOwn && !config.upsertExistingObjects) {
      if (preview) {
        log?.("warning", `${inputs["kind"]} ${idOf(target)} exists in the cluster`);
        return unplanned;
      }
      throw alreadyExists(urn, target);
    }
    const force = preview || isForced(inputs, config.enablePatchForce);
    let applied: KubeObject;
    try {
      const send = () => apply(client, resource, target, { fieldManager, force, dryRun: preview, signal });
      applied = preview ? await send() : await this.#patiently(() => sendSurely(send, signal), request);
    } catch (error) {
      if (!preview && !isPatch && isInDoubt(error)) {
        throw await this.#afterLostCreation(error, request, { target, resource, fieldManager });
      }
      // A namespace that is made by this same update, an old object that is replaced, or no permission for dry runs.
      if (preview && error instanceof ApiError && (error.isNotFound || error.code === 403 || existing)) {
        return unplanned;
      }
      throw wrapped(`resource ${urn} was not successfully created by the Kubernetes API server`, error);
    }
    const state = { initialApiVersion: textAt(inputs, "apiVersion"), fieldManager };
    if (preview) {
      const { status: _, ...planned } = applied;
      return { id: "", outputs: toOutputs(inputs, planned, given, state) };
    }
    return this.#settle(`resource ${urn} was successfully created, but the Kubernetes API server reported that it failed to`, {
      request: { ...request, news: given },
      applied,
      inputs,
      state,
      resource,
    });
  }

  async read({
    urn,
    type,
    id,
    inputs: given,
    outputs,
    log,
  }: ReadRequest): Promise<{ id: string; inputs?: PropertyMap; outputs?: PropertyMap }> {
    const { apiVersion, kind, isPatch } = parseType(type);
    const state = parseOutputs(outputs, urn);
    const known = toObject(given);
    const { namespace, name } = parseId(id);
    try {
      const { client, kinds } = this.#open();
      const resource = await kinds.resource(apiVersion, kind);
      const live = await get(client, resource, namespace || (resource.isNamespaced ? "default" : ""), name);
      if (!live) {
        return { id: "" };
      }
      const isImport = Object.keys(known).length === 0;
      const fieldManager = fieldManagerFor(known, state.fieldManager);
      if (!isImport && !("__fieldManager" in outputs) && !managersOf(live).includes(fieldManager)) {
        // A creation that was interrupted before it did anything: an object of that name is somebody else's.
        return { id: "" };
      }
      const inputs = isImport ? inputsOfLive(live) : inputsAsDeclared(live, known);
      const kept = { initialApiVersion: state.initialApiVersion || apiVersion, fieldManager };
      const found = { inputs: toInputs(inputs, given), outputs: toOutputs(inputs, live, given, kept) };
      const problems = isPatch || isImport ? [] : await judgeNow(live, { client, kinds });
      if (problems.length > 0) {
        throw new ResourceInitError(id, found.outputs, problems, found.inputs);
      }
      return { id, ...found };
    } catch (error) {
      if (error instanceof NoMatchError) {
        return { id: "" };
      }
      if (!(error instanceof UnreachableError)) {
        throw error;
      }
      log?.("warning", error.message);
      if (this.#config?.deleteUnreachable) {
        return { id: "" };
      }
      if (this.#config?.skipUpdateUnreachable) {
        return { id, inputs: given, outputs };
      }
      throw new Error(`${READ_UNREACHABLE_HINT} (${error.message})`, { cause: error });
    }
  }

  idOf(_type: string, inputs: PropertyMap): string {
    return idOf(toObject(inputs));
  }

  async update(request: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const { urn, oldOutputs, news, ignoreChanges, preview, signal } = request;
    const inputs = toObject(news);
    const old = parseOutputs(oldOutputs, urn);
    const { client, kinds, config } = this.#open();
    if (preview && hasUnknowns(inputs)) {
      return { outputs: news };
    }
    const resource = await kinds.resource(textAt(inputs, "apiVersion"), textAt(inputs, "kind"));
    const fieldManager = fieldManagerFor(inputs, old.fieldManager);
    const isTakenOver = isMadeByPulumi(old.live);
    let applied: KubeObject;
    try {
      if (isTakenOver && !preview) {
        await takeOverFields(client, resource, inNamespace(inputs, resource), fieldManager, signal);
      }
      const target = await this.#target(inputs, resource, { ignoreChanges, managers: [fieldManager, old.fieldManager], signal });
      const force = isForced(inputs, config.enablePatchForce) || (preview && isTakenOver);
      applied = await sendSurely(() => apply(client, resource, target, { fieldManager, force, dryRun: preview, signal }), signal);
    } catch (error) {
      if (!preview && isInDoubt(error)) {
        // It may be as declared now, or as before: the next update has to see to it, whichever of both is wished then.
        throw new ResourceInitError(request.id, oldOutputs, [`nobody knows whether it was updated: ${messageOf(error)}`]);
      }
      if (preview && error instanceof ApiError && error.code === 403) {
        return { outputs: news };
      }
      throw wrapped(`update of resource ${urn} failed`, error);
    }
    const state = { initialApiVersion: old.initialApiVersion || textAt(inputs, "apiVersion"), fieldManager };
    if (preview) {
      return { outputs: toOutputs(inputs, applied, news, state) };
    }
    if (textAt(applied, "metadata", "deletionTimestamp") !== "") {
      throw new ResourceInitError(request.id, oldOutputs, ["it is being deleted: an update after that makes it anew"]);
    }
    if (fieldManager !== old.fieldManager) {
      await relinquish(client, resource, inNamespace(inputs, resource), old.fieldManager, signal);
    }
    return this.#settle(`the Kubernetes API server reported that ${idOf(applied)} failed to`, {
      request,
      applied,
      inputs,
      state,
      resource,
    });
  }

  async delete({ urn, type, id, outputs, timeoutSeconds, signal, log }: DeleteRequest): Promise<void> {
    const { apiVersion, kind, isPatch } = parseType(type);
    const state = parseOutputs(outputs, urn);
    const { namespace, name } = parseId(id);
    try {
      const { client, kinds } = this.#open();
      const resource = await kinds.resource(apiVersion, kind);
      const object = { apiVersion, kind, metadata: { name, ...(resource.isNamespaced && { namespace: namespace || "default" }) } };
      if (isPatch) {
        await relinquish(client, resource, object, state.fieldManager, signal).catch(ifGone);
      } else {
        const live = !("__inputs" in outputs) ? await get(client, resource, namespaceOf(object), name, signal) : undefined;
        if (live && !managersOf(live).includes(state.fieldManager)) {
          // Nothing was ever heard of its creation: an object of that name is somebody else's.
          return;
        }
        await deleteObject(object, state.inputs, { client, kinds, resource, timeoutSeconds, signal, log });
      }
      if (kind === "CustomResourceDefinition") {
        kinds.forget();
      }
    } catch (error) {
      const cause = error instanceof NotGoneError ? error.cause : error;
      if (cause instanceof NoMatchError) {
        return;
      }
      let failure = cause;
      if (cause instanceof UnreachableError) {
        log?.("warning", cause.message);
        if (this.#config?.deleteUnreachable) {
          return;
        }
        failure = new Error(`${DELETE_UNREACHABLE_HINT} (${cause.message})`, { cause });
      }
      // Whoever wishes it back must not find it unchanged in the state.
      throw error instanceof NotGoneError ? new ResourceInitError(id, outputs, [messageOf(failure)]) : failure;
    }
  }

  async close(): Promise<void> {
    if ("client" in this.#session) {
      this.#session.client.close();
    }
  }

  #open(): Session {
    if ("unreachable" in this.#session) {
      throw new UnreachableError(this.#session.unreachable);
    }
    return this.#session;
  }

  /** What an update applies: the declaration, with what the program ignores left as it is. */
  async #target(
    inputs: KubeObject,
    resource: Resource,
    {
      ignoreChanges,
      managers,
      signal,
    }: { ignoreChanges: readonly string[]; managers: readonly string[]; signal?: AbortSignal | undefined },
  ): Promise<KubeObject> {
    const target = inNamespace(inputs, resource);
    if (ignoreChanges.length === 0) {
      return target;
    }
    const live = await get(this.#open().client, resource, namespaceOf(target), nameOf(target), signal);
    return live ? withoutIgnored(target, live, ignoreChanges, (manager) => managers.includes(manager) || isCreator(manager)) : target;
  }

  /** Waits for what was applied, and keeps it when it does not become ready. */
  async #settle(
    failing: string,
    done: {
      request: { news: PropertyMap; timeoutSeconds: number; signal?: AbortSignal; log?: CreateRequest["log"] };
      applied: KubeObject;
      inputs: KubeObject;
      state: Omit<State, "live" | "inputs">;
      resource: Resource;
    },
  ): Promise<{ id: string; outputs: PropertyMap }> {
    const { request, applied, inputs, state, resource } = done;
    const { client, kinds } = this.#open();
    const { timeoutSeconds, signal, log, news } = request;
    const waiting: Waiting = { client, kinds, resource, timeoutSeconds, signal, log };
    const outputsOf = (live: KubeObject) => toOutputs(inputs, live, news, state);
    try {
      const live = await awaitReady(applied, inputs, waiting);
      if (applied["kind"] === "CustomResourceDefinition") {
        kinds.forget();
      }
      return { id: idOf(applied), outputs: outputsOf(live) };
    } catch (error) {
      const [live, reasons] = error instanceof NotReadyError ? [error.live, error.reasons] : [applied, [String(error)]];
      const main = `${failing} fully initialize or become live: ${reasons[0] ?? ""}`;
      throw new ResourceInitError(idOf(applied), outputsOf(live), [main, ...reasons.slice(1)]);
    }
  }

  /** What there is of an object whose creation had no answer: the engine must know of it, for the next wish may be another. */
  async #afterLostCreation(
    error: unknown,
    { urn, inputs: given }: CreateRequest,
    { target, resource, fieldManager }: { target: KubeObject; resource: Resource; fieldManager: string },
  ): Promise<unknown> {
    const { client } = this.#open();
    const failure = wrapped(`resource ${urn} was not successfully created by the Kubernetes API server`, error);
    const inputs = toObject(given);
    try {
      const live = await get(client, resource, namespaceOf(target), nameOf(target), AbortSignal.timeout(LOOK_MS));
      if (!live || !managersOf(live).includes(fieldManager)) {
        return failure;
      }
      const state = { initialApiVersion: textAt(inputs, "apiVersion"), fieldManager };
      return new ResourceInitError(idOf(target), toOutputs(inputs, live, given, state), [`it was made, and then: ${messageOf(error)}`]);
    } catch {
      // Without the outputs of a read: whoever reads or deletes it looks whose it is.
      return new ResourceInitError(idOf(target), given, [`nobody knows whether it was made: ${messageOf(error)}`]);
    }
  }

  /** Programs make objects of a kind beside its definition, and in a namespace beside the namespace: those get their time to appear. */
  async #patiently<T>(call: () => Promise<T>, { log, signal }: CreateRequest): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        const isEarly = error instanceof NoMatchError || (error instanceof ApiError && error.isNotFound);
        if (!isEarly || attempt === EARLY_RETRIES || signal?.aborted) {
          throw error;
        }
        log?.("status", `Retry #${attempt}; creation failed: ${error.message}`);
        await delay(250 * 2 ** attempt, undefined, { ...(signal && { signal }) });
      }
    }
  }
}

const EARLY_RETRIES = 5;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
