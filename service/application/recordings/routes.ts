import { ClawError, type Recording } from "../../../sdk/contract/index.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";

type RecordingRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `recordings.${string}`>>;

/** Of a recording in one answer: some hundred KiB each at most, whatever it has shown. */
const PARTS = 4;

export function recordingRoutes({
  transactions,
  cipher,
}: {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
}): RecordingRoutes {
  return {
    async "recordings.list"(ctx, { query }) {
      const { items, ...rest } = await transactions.reads.tenant(tenantIn(ctx).id, (tx) => tx.recordings.list(query));
      return { ...rest, items: [...items] };
    },
    "recordings.get": (ctx, { params }) => transactions.reads.tenant(tenantIn(ctx).id, (tx) => find(tx, params.id)),
    async "recordings.read"(ctx, { params, query: { after = 0 } }) {
      const parts = await transactions.reads.tenant(tenantIn(ctx).id, async (tx) => {
        const { id } = await find(tx, params.id);
        return tx.recordings.parts(id, after, PARTS);
      });
      const next = parts.length === PARTS ? parts.at(-1)?.sequence : undefined;
      return { text: parts.map(({ sealed }) => cipher.decrypt(sealed)).join(""), ...(next !== undefined && { next }) };
    },
  };
}

/** @throws {ClawError} `recording.not_found` */
async function find(tx: TenantTransaction, id: string): Promise<Recording> {
  const recording = await tx.recordings.get(id);
  if (!recording) {
    throw new ClawError("recording.not_found", `there is no recording '${id}' in this tenant`);
  }
  return recording;
}
