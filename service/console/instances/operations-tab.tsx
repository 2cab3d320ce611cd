import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleDashed, ListTree } from "lucide-react";
import type { ClawInstance, InstanceOperation, ResourceProgress } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { Status, ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import type { Tone } from "../parts/tone.ts";
import { operationsQuery } from "./queries.ts";

const TONES: Readonly<Record<InstanceOperation["state"], Tone>> = {
  running: "busy",
  succeeded: "good",
  failed: "bad",
  interrupted: "warn",
};
const RESOURCE_TONES: Readonly<Record<Exclude<ResourceProgress["state"], "pending">, Tone>> = {
  running: "busy",
  done: "good",
  failed: "bad",
  interrupted: "warn",
};

const WORTH_TELLING_SECONDS = 0.1;

/** What the engine does, and lately did, for an instance: the newest first, each with its resources. */
export function OperationsTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const operations = useQuery(operationsQuery(tenant, instance));
  return (
    <Panel padded={false}>
      <Operations operations={operations.data} error={operations.error} onRetry={() => void operations.refetch()} />
    </Panel>
  );
}

/** The newest operation, on the page that tells how an instance does. */
export function OperationPanel({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const operations = useQuery(operationsQuery(tenant, instance));
  return (
    <Panel
      title={t("instances.operation")}
      padded={false}
      aside={
        <Link
          to="/t/$tenant/instances/$id/{-$tab}"
          params={{ tenant, id: instance.metadata.name, tab: "operations" }}
          className="text-sm text-accent hover:underline"
        >
          {t("instances.allOperations")}
        </Link>
      }
    >
      <Operations operations={operations.data?.slice(0, 1)} error={operations.error} onRetry={() => void operations.refetch()} />
    </Panel>
  );
}

function Operations({
  operations,
  error,
  onRetry,
}: {
  readonly operations: readonly InstanceOperation[] | undefined;
  readonly error: Error | null;
  readonly onRetry: () => void;
}) {
  const t = useTexts();
  if (!operations) {
    return error ? <Failure error={error} onRetry={onRetry} /> : <Skeleton lines={5} className="p-4" />;
  }
  if (operations.length === 0) {
    return (
      <Empty icon={<Icon of={ListTree} size={20} />} title={t("instances.noOperations")}>
        <p>{t("instances.noOperationsHelp")}</p>
      </Empty>
    );
  }
  return (
    <ol>
      {operations.map((operation) => (
        <Operation key={operation.id} operation={operation} />
      ))}
    </ol>
  );
}

function Operation({ operation }: { readonly operation: InstanceOperation }) {
  const t = useTexts();
  const { kind, generation, state, startedAt, resources } = operation;
  const done = resources.filter((resource) => resource.state === "done").length;
  return (
    <li className="flex flex-col gap-1.5 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Status tone={TONES[state]} soft>
          {t(`instances.operation_${state}`)}
        </Status>
        <span className="font-medium">{t(`instances.operation_${kind}`, { generation })}</span>
        {state !== "succeeded" && (
          <span className="tabular text-ink-soft">{t("instances.operationDone", { done, count: resources.length })}</span>
        )}
        <span className="tabular ml-auto flex gap-x-2 text-xs text-ink-faint">
          <Took of={operation} />
          <Ago time={startedAt} />
        </span>
      </p>
      {state === "interrupted" && <p className="text-ink-soft">{t("instances.operationInterrupted")}</p>}
      <ul>
        {resources.map((resource) => (
          <Resource key={`${resource.type} ${resource.name}`} resource={resource} isOver={state !== "running"} />
        ))}
      </ul>
    </li>
  );
}

function Resource({ resource, isOver }: { readonly resource: ResourceProgress; readonly isOver: boolean }) {
  const t = useTexts();
  const { type, name, level, op, state } = resource;
  const word = state === "pending" && isOver ? t("instances.resource_unreached") : t(`instances.resource_${state}`);
  return (
    <li className={level > 0 ? "ml-[7px] border-l border-line pl-4" : ""}>
      <div className="flex gap-2 py-0.5">
        <span className="pt-[3px]">
          {state === "pending" ? <Icon of={CircleDashed} size={15} className="text-off" /> : <ToneIcon tone={RESOURCE_TONES[state]} />}
        </span>
        <p className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-2">
          <span className="font-medium break-all">{name}</span>
          <span className="text-ink-soft">
            {op === "same" && state === "done" ? t("instances.op_same") : `${op ? `${t(`instances.op_${op}`)}: ` : ""}${word}`}
          </span>
          <code className="font-mono text-xs break-all text-ink-faint">{type.slice(type.lastIndexOf(":") + 1)}</code>
        </p>
        <span className="tabular text-xs text-ink-faint">
          <Took of={resource} />
        </span>
      </div>
    </li>
  );
}

/** How long it took, once it has ended and where it is worth telling. */
function Took({ of: { startedAt, endedAt } }: { readonly of: Pick<ResourceProgress, "startedAt" | "endedAt"> }) {
  const t = useTexts();
  const seconds = startedAt === undefined || endedAt === undefined ? 0 : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  if (seconds < WORTH_TELLING_SECONDS) {
    return null;
  }
  return <span className="whitespace-nowrap">{t("instances.took", { seconds: seconds.toFixed(1) })}</span>;
}
