import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { stringify } from "yaml";
import { amountOf } from "../../../sdk/contract/quantity.ts";
import { allows, claw, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { nameTakenQuery } from "../instances/queries.ts";
import { Button } from "../parts/button.tsx";
import { Code } from "../parts/code.tsx";
import { Field, Input, Select } from "../parts/field.tsx";
import { PageHead, Panel } from "../parts/panel.tsx";
import { useSettled } from "../parts/settled.ts";
import { Failure, Skeleton } from "../parts/states.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import { type Draft, faultOf, isName, labelsOf, manifestOf, typedValue, type Variable, valuesOf, variablesOf } from "./draft.ts";

const EMPTY: Draft = { name: "", type: "", template: "", project: "", cpu: "1", memory: "2Gi", storage: "10Gi", labels: "", values: {} };

/** Declares an instance by a form: of its type and template, with the template's own variables, and the preview before anything is made. */
export function CreatePage() {
  const t = useTexts();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const { tenant = "" } = useParams({ strict: false });
  const [draft, setDraft] = useState(EMPTY);
  const [isAsked, setAsked] = useState(false);
  const types = useQuery({ queryKey: [tenant, "types"], queryFn: ({ signal }) => claw(tenant).types.list({ signal }), staleTime: 60_000 });
  const templates = useQuery({
    queryKey: [tenant, "template-names"],
    queryFn: async ({ signal }) => (await claw(tenant).configs.list({ limit: 500, sort: "metadata.name" }, { signal })).items,
    staleTime: 30_000,
  });
  const projects = useQuery({
    queryKey: [tenant, "project-names"],
    queryFn: async ({ signal }) => (await claw(tenant).projects.list({ limit: 500, sort: "metadata.name" }, { signal })).items,
    staleTime: 30_000,
  });
  const schema = useQuery({
    queryKey: [tenant, "template-schema", draft.template],
    queryFn: async ({ signal }) => variablesOf((await claw(tenant).configs.schema(draft.template, { signal })) as Record<string, unknown>),
    enabled: draft.template !== "",
  });
  const me = useQuery(meQuery(tenant)).data;
  const settled = useSettled(draft);
  const given = settled.template === draft.template ? valuesOf(settled, schema.data ?? []) : {};
  const checked = useQuery({
    queryKey: [tenant, "template-check", draft.template, given],
    queryFn: ({ signal }) => claw(tenant).configs.validate(draft.template, { values: given }, { signal }),
    enabled: draft.template !== "" && Object.keys(given).length > 0,
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
  const isTaken = useQuery({ ...nameTakenQuery(tenant, draft.name), enabled: isName(draft.name) }).data ?? false;
  if (!types.data || !me) {
    return types.error ? <Failure error={types.error} onRetry={() => void types.refetch()} /> : <Skeleton lines={8} />;
  }
  const type = draft.type || (types.data.items[0]?.type ?? "");
  const adapter = types.data.items.find((each) => each.type === type)?.adapter;
  const fitting = templates.data?.filter(({ spec }) => spec.adapter === adapter) ?? [];
  const variables = draft.template === "" ? [] : (schema.data ?? []);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const nameFault = draft.name === "" ? undefined : !isName(draft.name) ? t("create.nameBad") : isTaken ? t("create.nameTaken") : undefined;
  const labelsFault = labelsOf(draft.labels) ? undefined : t("create.labelsBad");
  const mayCreate = allows(me, "instances.write", draft.project || "default");
  const isReady =
    draft.name !== "" && nameFault === undefined && labelsFault === undefined && mayCreate && !(draft.template !== "" && !schema.data);
  const manifest = manifestOf({ ...draft, type }, variables);
  const shown = { ...manifest, spec: { ...manifest.spec, config: masked(manifest.spec.config, variables) } };
  return (
    <>
      <PageHead title={t("create.title")} note={t("create.note")} />
      <form
        className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(18rem,2fr)]"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) {
            setAsked(true);
          }
        }}
      >
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title={t("instances.facts")}>
            <div className="grid gap-4 sm:grid-cols-2">
              <Field label={t("create.name")} help={t("create.nameHelp")} error={nameFault}>
                {(ids) => (
                  <Input
                    {...ids}
                    required
                    maxLength={63}
                    value={draft.name}
                    onChange={(event) => set({ name: event.target.value })}
                    className="font-mono"
                  />
                )}
              </Field>
              <Field label={t("create.type")} help={types.data.items.find((each) => each.type === type)?.description}>
                {(ids) => (
                  <Select
                    {...ids}
                    value={type}
                    onChange={(event) => set({ type: event.target.value, template: "", values: {} })}
                    options={types.data.items.map((each) => [each.type, `${each.type} ${each.version}`] as const)}
                  />
                )}
              </Field>
              <Field label={t("create.template")}>
                {(ids) => (
                  <Select
                    {...ids}
                    value={draft.template}
                    onChange={(event) => set({ template: event.target.value, values: {} })}
                    options={[["", t("create.noTemplate")], ...fitting.map(({ metadata }) => [metadata.name, metadata.name] as const)]}
                  />
                )}
              </Field>
              <Field label={t("create.project")}>
                {(ids) => (
                  <Select
                    {...ids}
                    value={draft.project || "default"}
                    onChange={(event) => set({ project: event.target.value === "default" ? "" : event.target.value })}
                    options={[...new Set(["default", ...(projects.data ?? []).map(({ metadata }) => metadata.name)])].map(
                      (name) => [name, name] as const,
                    )}
                  />
                )}
              </Field>
              <Field label={t("create.labels")} help={t("create.labelsHelp")} error={labelsFault}>
                {(ids) => (
                  <Input {...ids} value={draft.labels} onChange={(event) => set({ labels: event.target.value })} className="font-mono" />
                )}
              </Field>
            </div>
          </Panel>
          {draft.template !== "" && (
            <Panel title={t("create.settings")}>
              {schema.error ? (
                <Failure error={schema.error} />
              ) : !schema.data ? (
                <Skeleton lines={4} />
              ) : variables.length === 0 ? (
                <p className="text-sm text-ink-soft">{t("create.settingsNone")}</p>
              ) : (
                <div className="grid gap-4 sm:grid-cols-2">
                  {variables.map((variable) => (
                    <Setting
                      key={variable.name}
                      variable={variable}
                      text={draft.values[variable.name] ?? ""}
                      fault={faultOf(variable.name, checked.data?.issues ?? [])}
                      onChange={(text) => set({ values: { ...draft.values, [variable.name]: text } })}
                    />
                  ))}
                </div>
              )}
            </Panel>
          )}
          <Panel title={t("create.size")}>
            <div className="grid gap-4 sm:grid-cols-3">
              {(["cpu", "memory", "storage"] as const).map((name) => (
                <Field
                  key={name}
                  label={t(`create.size_${name}`)}
                  error={amountOf(draft[name]) === undefined ? t("create.sizeBad") : undefined}
                >
                  {(ids) => (
                    <Input
                      {...ids}
                      required
                      maxLength={32}
                      value={draft[name]}
                      onChange={(event) => set({ [name]: event.target.value })}
                      className="font-mono"
                    />
                  )}
                </Field>
              ))}
            </div>
          </Panel>
          <div className="flex flex-wrap items-center justify-end gap-3">
            {!mayCreate && <p className="text-sm text-bad">{t("create.mustNot")}</p>}
            <Button look="primary" type="submit" disabled={!isReady}>
              {t("create.preview")}
            </Button>
          </div>
        </div>
        <Panel title={t("create.asYaml")}>
          <Code label={t("create.asYaml")} yaml text={stringify(shown, { lineWidth: 0 })} />
        </Panel>
      </form>
      {isAsked && (
        <PlanDialog
          title={t("create.ask", { name: draft.name })}
          confirm={t("create.confirm", { name: draft.name })}
          ask={() => claw(tenant).previews.create({ manifests: [manifest] })}
          onClose={() => setAsked(false)}
          onApplied={() => {
            tell("good", t("create.told", { name: draft.name }));
            void cache.invalidateQueries({ queryKey: [tenant] });
            void navigate({ to: "/t/$tenant/instances/$id/{-$tab}", params: { tenant, id: draft.name, tab: undefined } });
          }}
        />
      )}
    </>
  );
}

/** What is secret is on no screen, where somebody may look over a shoulder. */
function masked(config: unknown, variables: readonly Variable[]): unknown {
  const { overrides, ...rest } = (config ?? {}) as { readonly overrides?: readonly { readonly key: string; readonly value: unknown }[] };
  const secret = new Set(variables.filter(({ isSecret }) => isSecret).map(({ name }) => name));
  return config === undefined
    ? undefined
    : { ...rest, ...(overrides && { overrides: overrides.map(({ key, value }) => ({ key, value: secret.has(key) ? "••••••" : value })) }) };
}

function Setting({
  variable,
  text,
  fault,
  onChange,
}: {
  readonly variable: Variable;
  readonly text: string;
  /** What the service says of it. */
  readonly fault: string | undefined;
  readonly onChange: (text: string) => void;
}) {
  const t = useTexts();
  const { name, type, description, isRequired, isSecret, fallback, choices } = variable;
  const isOdd = text !== "" && typedValue(variable, text) === undefined;
  const hint =
    fallback === undefined ? "" : t("create.byDefault", { value: typeof fallback === "string" ? fallback : JSON.stringify(fallback) });
  let control: (ids: object) => ReactNode;
  if (choices || type === "boolean") {
    control = (ids) => (
      <Select
        {...ids}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        options={[["", hint || "–"], ...(choices ?? [true, false]).map((choice) => [String(choice), String(choice)] as const)]}
      />
    );
  } else {
    control = (ids) => (
      <Input
        {...ids}
        type={isSecret ? "password" : "text"}
        autoComplete="off"
        inputMode={type === "number" || type === "integer" ? "decimal" : "text"}
        placeholder={isSecret ? "" : hint}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        className={type === "object" || type === "array" ? "font-mono" : ""}
      />
    );
  }
  return (
    <Field
      label={`${name}${isRequired ? ` (${t("create.required")})` : ""}`}
      help={
        [description, isSecret ? t("create.secret") : "", type === "secretRef" ? t("create.secretRef") : ""].filter(Boolean).join(" · ") ||
        undefined
      }
      error={isOdd ? t("create.notOfType", { type }) : text === "" ? undefined : fault}
    >
      {control}
    </Field>
  );
}
