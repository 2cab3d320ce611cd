import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { PolicyInput, PolicyViolation } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Panel } from "../parts/panel.tsx";
import { ErrorNote } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import type { AnyResource } from "./kinds.ts";

const SHOWN_MAX = 200;

/** What would violate a policy if it were in force now, instance by instance. */
export function ViolationsPanel({ policy, tenant }: { readonly policy: AnyResource; readonly tenant: string }) {
  const t = useTexts();
  const test = useMutation({
    mutationFn: async () => {
      const { apiVersion, kind, metadata, spec } = policy;
      const manifest = { apiVersion, kind, metadata: { name: metadata.name }, spec } as unknown as PolicyInput;
      const violations: PolicyViolation[] = [];
      let tested = 0;
      for (let cursor: string | undefined; ; ) {
        const answer = await claw(tenant).policies.test({ policies: [manifest], ...(cursor !== undefined && { cursor }) });
        tested += answer.tested;
        violations.push(...answer.violations);
        cursor = answer.nextCursor;
        if (cursor === undefined) {
          return { tested, violations };
        }
      }
    },
  });
  return (
    <Panel
      title={t("resources.violations")}
      aside={
        <Button isBusy={test.isPending} onClick={() => test.mutate()}>
          {t("resources.violationsRun")}
        </Button>
      }
    >
      <div role="status" className="flex flex-col gap-2 text-sm">
        {test.error && <ErrorNote error={test.error} />}
        {test.data ? (
          <p className="flex items-center gap-2 font-medium">
            <ToneIcon tone={test.data.violations.length === 0 ? "good" : "warn"} />
            {test.data.violations.length === 0
              ? t("resources.violationsNone", { tested: test.data.tested })
              : t("resources.violationsSome", { tested: test.data.tested, count: test.data.violations.length })}
          </p>
        ) : (
          <p className="text-ink-soft">{t("resources.violationsHelp")}</p>
        )}
      </div>
      {test.data && test.data.violations.length > 0 && (
        <ul className="mt-2 max-h-96 overflow-y-auto">
          {test.data.violations.slice(0, SHOWN_MAX).map((violation) => (
            <li key={`${violation.tenant} ${violation.instance} ${violation.message}`} className="border-t border-line py-2 text-sm">
              <Link
                to="/t/$tenant/instances/$id/{-$tab}"
                params={{ tenant: violation.tenant, id: violation.instance, tab: undefined }}
                className="font-medium hover:text-accent hover:underline"
              >
                {violation.instance}
              </Link>{" "}
              <span className="text-ink-soft">{violation.message}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
