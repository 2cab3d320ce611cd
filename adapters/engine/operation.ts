import type { ResourceProvider } from "./contract/provider.ts";
import type { StackLease, StackRef, StackStore, StoredStack } from "./contract/store.ts";
import type { NamingRules } from "./deployment/autonaming.ts";

/** One deployment operation on one stack, after the command line was understood and config decrypted. */
export interface OperationRequest {
  readonly kind: "update" | "refresh" | "destroy" | "import";
  readonly dryRun: boolean;
  readonly ref: StackRef;
  /** Absent in a dry run: a preview takes no lease and writes nothing. */
  readonly lease?: StackLease;
  /** Address of the inline program's `LanguageRuntime` (the `--client` flag). */
  readonly programAddress?: string;
  readonly config: ReadonlyMap<string, { value: string; secret: boolean }>;
  readonly options: OperationOptions;
  readonly store: StackStore;
  readonly secrets: SecretsManager;
  /** The secrets manager of another stack, for references to its outputs. Without it their secrets are left out. */
  readonly secretsOf?: (stack: StoredStack) => Promise<SecretsManager>;
  readonly providers: ProviderHost;
  readonly emit: (event: EngineEvent) => void;
  /** Aborting lets running steps end and starts no further ones. */
  readonly signal: AbortSignal;
}

export interface OperationOptions {
  readonly parallel: number;
  readonly targets: readonly string[];
  readonly excludes: readonly string[];
  readonly targetDependents: boolean;
  readonly excludeDependents: boolean;
  readonly replaces: readonly string[];
  readonly refresh: boolean;
  readonly runProgram: boolean;
  readonly continueOnError: boolean;
  readonly expectNoChanges: boolean;
  readonly excludeProtected: boolean;
  readonly clearPendingCreates: boolean;
  /** How resources without names of their own get them, where the stack's config says so. */
  readonly naming?: NamingRules | undefined;
  /** For kind `import`. */
  readonly imports: readonly ResourceImport[];
}

/** A resource that is there and becomes part of the stack; a component is there once it is in the stack. */
export interface ResourceImport {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  readonly parent?: string;
  readonly provider?: string;
  readonly version?: string;
  readonly pluginDownloadUrl?: string;
  readonly component?: boolean;
  readonly protect: boolean;
}

export interface OperationResult {
  readonly result: "succeeded" | "failed" | "canceled";
  /** Operation → count, internal provider steps left out: the summary event's `resourceChanges`. */
  readonly changes: Readonly<Record<string, number>>;
  /** What the CLI would print as `error: …`. */
  readonly error?: string;
  /** The CLI's exit code: 0, 1, 7 (changes although none were expected), 8 (cancelled) … */
  readonly exitCode: number;
}

/** Encrypts the secret values of checkpoints and config; keys are derived before, so both directions are synchronous. */
export interface SecretsManager {
  encrypt(plaintext: string): string;
  /** @throws when the ciphertext was made with another key. */
  decrypt(ciphertext: string): string;
}

export interface WantedPlugin {
  readonly version?: string | undefined;
  readonly pluginDownloadUrl?: string | undefined;
  /** Variable of the engine's environment → the variable as which the provider gets its value. */
  readonly envVarMappings?: Readonly<Record<string, string>>;
}

/** Finds providers: in-process ones by package, else a plugin binary behind gRPC. Keeps them warm between operations. */
export interface ProviderHost {
  /** @throws when no provider of that package can be found; the message says where it was looked for. */
  load(packageName: string, wanted?: WantedPlugin): Promise<ResourceProvider>;
}

/** One Pulumi engine event without `sequence` and `timestamp`, which the sink adds: exactly one of its keys is set. */
export type EngineEvent = Readonly<Record<string, unknown>>;
