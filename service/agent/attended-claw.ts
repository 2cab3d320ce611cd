import type { AgentStatus, Handing, Usage } from "../../sdk/contract/index.ts";
import type { OwnWord } from "./status-report.ts";
import type { Supervisor } from "./supervisor.ts";

/** What was stored in a config directory: path → SHA-256 of the content. */
export interface StoredFiles {
  readonly dir: string;
  readonly digests: Readonly<Record<string, string>>;
}

/** A claw as its agent's connection and channels see it, whoever starts and stops it. */
export interface AttendedClaw {
  /** As whom the agent dials, and where. */
  readonly identity: { readonly instanceUid: string; readonly agentUrl: string; readonly agentToken: string };
  readonly status: AgentStatus;
  /** The port of the claw that runs now. */
  readonly port: number | undefined;
  /** How it is talked to; undefined when it can't be. */
  readonly chat: { readonly path: string; readonly model: string; readonly token?: string | undefined } | undefined;
  /** What proves to the claw that its agent may ask it of its configuration; undefined when it can't be asked. */
  readonly configCheck: { readonly token: string; readonly digest: string } | undefined;
  /** The same of its channels, with the names of those that are declared; undefined when there are none, or it can't be asked. */
  readonly channelCheck: { readonly token: string; readonly channels: readonly string[] } | undefined;
  /** The config files that it has stored; undefined of a specification of before, which does not say which. */
  readonly files: StoredFiles | undefined;
  /** The process itself, for an agent that started it: its output, its folders, its end. In a pod those are the cluster's. */
  readonly process: Supervisor | undefined;
  /** What it takes now; undefined when this agent can't tell. */
  usage(): Usage | undefined;
  /**
   * Stores what was delivered, and has the claw run with it: its status says when it is stored.
   * @throws when it can't be stored, or is not for this claw
   */
  take(handing: Handing): Promise<void>;
  /** Makes it part of the status that something could not be stored, without what is secret. */
  tellUnstored(unstored: NonNullable<AgentStatus["unstored"]>): void;
  /** What the control plane has just said that it is to have; undefined when the connection is lost on which it did. */
  noticed?(digest: string | undefined): void;
  /** Makes it part of the status what stands in its config files. */
  tellDisk(disk: AgentStatus["disk"]): void;
  onStatus(listener: (status: AgentStatus) => void): void;
  /** Makes it part of the status, without what is secret. */
  tellOwnWord(word: OwnWord): void;
}

/** What is said where only the one who started the claw could help. */
export const NOT_OF_THE_AGENT = "the agent of a pod has neither the claw's log nor its process: its cluster has";
