import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import type { Token } from "../../../sdk/contract/index.ts";
import type { Permission } from "../../../sdk/contract/permissions.ts";
import { allows, claw, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Code } from "../parts/code.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Field, Input, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { Status } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";

const PAGE = 500;
const LOOK_MS = 10_000;
const DAYS = 90;
const DAYS_MAX = 3650;

const tokensKey = (tenant: string) => [tenant, "tokens"];

/** Tokens of a tenant's service accounts: what they are for, never what they are. */
export function TokensPage() {
  const t = useTexts();
  const { tenant = "" } = useParams({ strict: false });
  const [isNew, setNew] = useState(false);
  const [revoked, setRevoked] = useState<Token>();
  const tokens = useQuery({
    queryKey: tokensKey(tenant),
    queryFn: async ({ signal }) => (await claw(tenant).tokens.list({ limit: PAGE }, { signal })).items,
    refetchInterval: LOOK_MS,
  });
  const me = useQuery(meQuery(tenant)).data;
  const mayWrite = me !== undefined && allows(me, "access.write");
  const why = mayWrite ? undefined : t("instances.mayNot", { permission: "access.write" });
  return (
    <>
      <PageHead
        title={t("access.tokens")}
        note={t("access.tokensNote")}
        actions={
          <>
            <Equivalents tenant={tenant} command="claw tokens list" path="/tokens" />
            <Button look="primary" icon={<Icon of={Plus} size={14} />} disabled={!mayWrite} title={why} onClick={() => setNew(true)}>
              {t("access.tokenNew")}
            </Button>
          </>
        }
      />
      {!tokens.data ? (
        tokens.error ? (
          <Failure error={tokens.error} onRetry={() => void tokens.refetch()} />
        ) : (
          <Skeleton lines={6} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : tokens.data.length === 0 ? (
        <div className="rounded-lg border border-line bg-panel">
          <Empty icon={<Icon of={KeyRound} size={20} />} title={t("access.tokensNone")}>
            <p>{t("access.tokensNoneHelp")}</p>
          </Empty>
        </div>
      ) : (
        <ul className="rounded-lg border border-line bg-panel">
          {tokens.data.map((token) => (
            <TokenRow key={token.id} token={token} mayWrite={mayWrite} why={why} onRevoke={() => setRevoked(token)} />
          ))}
        </ul>
      )}
      {isNew && <NewToken tenant={tenant} onClose={() => setNew(false)} />}
      {revoked && <RevokeDialog token={revoked} tenant={tenant} onClose={() => setRevoked(undefined)} />}
    </>
  );
}

function TokenRow({
  token,
  mayWrite,
  why,
  onRevoke,
}: {
  readonly token: Token;
  readonly mayWrite: boolean;
  readonly why: string | undefined;
  readonly onRevoke: () => void;
}) {
  const t = useTexts();
  const { name, serviceAccount, prefix, scopes, createdBy, createdAt, expiresAt, lastUsedAt, revokedAt } = token;
  const state = revokedAt !== undefined ? "Revoked" : Date.parse(expiresAt) < Date.now() ? "Expired" : "Good";
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
      <span className="min-w-40 flex-1">
        <span className="font-medium">{name}</span> <span className="text-ink-soft">{serviceAccount}</span>
        <span className="block text-xs break-words text-ink-faint">
          <code className="font-mono">{prefix}…</code> {t("access.by")} {createdBy}, <Ago time={createdAt} />
          {scopes && <code className="font-mono"> · {scopes.join(" ")}</code>}
        </span>
      </span>
      <Status tone={({ Good: "good", Expired: "off", Revoked: "off" } as const)[state]}>{t(`access.token${state}`)}</Status>
      <span className="w-36 text-ink-soft">
        {t("access.used")} {lastUsedAt === undefined ? t("access.never") : <Ago time={lastUsedAt} />}
      </span>
      <span className="w-32 text-ink-soft">
        {t("access.expires")} <Ago time={expiresAt} />
      </span>
      <Button disabled={!mayWrite || state === "Revoked"} title={why} onClick={onRevoke}>
        {t("access.tokenRevoke")}
      </Button>
    </li>
  );
}

function NewToken({ tenant, onClose }: { readonly tenant: string; readonly onClose: () => void }) {
  const t = useTexts();
  const cache = useQueryClient();
  const [wanted, setWanted] = useState({ name: "", serviceAccount: "", days: DAYS, scopes: "" });
  const accounts = useQuery({
    queryKey: [tenant, "account-names"],
    queryFn: async ({ signal }) => (await claw(tenant).serviceAccounts.list({ limit: PAGE, sort: "metadata.name" }, { signal })).items,
  });
  const names = accounts.data?.map(({ metadata }) => metadata.name) ?? [];
  const serviceAccount = wanted.serviceAccount || (names[0] ?? "");
  const make = useMutation({
    mutationFn: () => {
      const scopes = wanted.scopes.split(/[\s,]+/).filter((scope): scope is Permission => scope !== "");
      const { name, days: expiresInDays } = wanted;
      return claw(tenant).tokens.create({ name, serviceAccount, expiresInDays, ...(scopes.length > 0 && { scopes }) });
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: tokensKey(tenant) }),
  });
  const set = (change: Partial<typeof wanted>) => setWanted((before) => ({ ...before, ...change }));
  const isReady = wanted.name !== "" && serviceAccount !== "";
  if (make.data) {
    return (
      <Dialog
        title={make.data.name}
        onClose={onClose}
        footer={
          <Button look="primary" onClick={onClose}>
            {t("access.tokenDone")}
          </Button>
        }
      >
        <p className="pb-3 text-sm">{t("access.tokenMade")}</p>
        <Code label={t("access.tokens")} text={make.data.token} />
      </Dialog>
    );
  }
  return (
    <Dialog
      title={t("access.tokenNew")}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button look="primary" disabled={!isReady} isBusy={make.isPending} onClick={() => make.mutate()}>
            {t("access.tokenMake", { name: wanted.name })}
          </Button>
        </>
      }
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) {
            make.mutate();
          }
        }}
      >
        {make.error && <ErrorNote error={make.error} />}
        {accounts.error && <ErrorNote error={accounts.error} />}
        <Field label={t("access.tokenName")} help={t("access.tokenNameHelp")}>
          {(ids) => <Input {...ids} maxLength={63} value={wanted.name} onChange={(event) => set({ name: event.target.value })} />}
        </Field>
        <Field label={t("access.tokenAccount")} help={accounts.data && names.length === 0 ? t("access.tokensNoneHelp") : undefined}>
          {(ids) => (
            <Select
              {...ids}
              value={serviceAccount}
              onChange={(event) => set({ serviceAccount: event.target.value })}
              options={names.map((name) => [name, name] as const)}
            />
          )}
        </Field>
        <Field label={t("access.tokenDays")}>
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min={1}
              max={DAYS_MAX}
              value={wanted.days}
              onChange={(event) => set({ days: Math.min(DAYS_MAX, Math.max(1, event.target.valueAsNumber || 1)) })}
            />
          )}
        </Field>
        <Field label={t("access.tokenScopes")} help={t("access.tokenScopesHelp")}>
          {(ids) => (
            <Input {...ids} className="font-mono" value={wanted.scopes} onChange={(event) => set({ scopes: event.target.value })} />
          )}
        </Field>
      </form>
    </Dialog>
  );
}

function RevokeDialog({ token, tenant, onClose }: { readonly token: Token; readonly tenant: string; readonly onClose: () => void }) {
  const t = useTexts();
  const cache = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => claw(tenant).tokens.revoke(token.id),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: tokensKey(tenant) });
      onClose();
    },
  });
  const { name } = token;
  return (
    <Dialog
      title={t("access.tokenRevokeAsk", { name })}
      size="sm"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button look="danger" isBusy={revoke.isPending} onClick={() => revoke.mutate()}>
            {t("access.tokenRevokeDo", { name })}
          </Button>
        </>
      }
    >
      <p className="text-sm text-ink-soft">{t("access.tokenRevokeHelp")}</p>
      {revoke.error && <ErrorNote error={revoke.error} />}
    </Dialog>
  );
}
