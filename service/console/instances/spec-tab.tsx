import { stringify } from "yaml";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Code } from "../parts/code.tsx";

/** Its manifest as YAML, as `claw get -o yaml` has it. */
export function SpecTab({ instance }: { readonly instance: ClawInstance }) {
  const t = useTexts();
  const { apiVersion, kind, metadata, spec } = instance;
  const { name, namespace, project, labels, annotations } = metadata;
  const declared = { apiVersion, kind, metadata: { name, namespace, project, labels, annotations }, spec };
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm text-ink-soft">
        {t("instances.specHelp")} <code className="font-mono text-xs">claw get instance {name} -o yaml</code>
      </p>
      <Code label={t("instances.tab_spec")} yaml text={stringify(declared, { lineWidth: 0 })} />
    </div>
  );
}
