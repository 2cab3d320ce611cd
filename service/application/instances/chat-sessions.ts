import type { ChatSessions, InstanceId, TenantId } from "../../../sdk/contract/index.ts";
import { allows } from "../../domain/access/grants.ts";
import { isShared } from "../../domain/instances/chat-session.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Transactions } from "../ports/transactions.ts";
import type { RequestContext } from "../resources/route-handlers.ts";

/** Of each subject with each instance. */
const KEPT_MAX = 200;
/** Whose shared ones are. No subject is called so: each has a name. */
const EVERYBODY = "";

interface Dependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
}

/** Keeps in mind that somebody talks to an instance in a session, for the list of those that can be gone on with. */
export function noteChatSession(
  talk: { readonly tenantId: TenantId; readonly instanceId: InstanceId; readonly subject: string; readonly name: string },
  { transactions, clock }: Dependencies,
): Promise<void> {
  const { tenantId, instanceId, name } = talk;
  const subject = isShared(name) ? EVERYBODY : talk.subject;
  return transactions.tenant(tenantId, (tx) =>
    tx.chatSessions.note({ instanceId, subject, name, usedAt: clock().toISOString() }, KEPT_MAX),
  );
}

/** The sessions that somebody can go on with: their own, and the shared ones where they may take part in them. */
export async function listChatSessions(
  { actor }: RequestContext,
  { id, tenantId, projectId: project }: Instance,
  { transactions }: Pick<Dependencies, "transactions">,
): Promise<ChatSessions> {
  const takesPart = allows(actor.grants, "instances.share", { tenantId, project });
  const subjects = takesPart ? [actor.subject, EVERYBODY] : [actor.subject];
  return { items: [...(await transactions.reads.tenant(tenantId, (tx) => tx.chatSessions.list(id, subjects)))] };
}
