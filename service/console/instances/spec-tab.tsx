import { Pencil } from "lucide-react";
import { useState } from "react";
import type { ClawInstance, Me } from "../../../sdk/contract/index.ts";
import { allows } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Code } from "../parts/code.tsx";
import { Icon } from "../parts/icon.tsx";
import type { AnyResource } from "../resources/kinds.ts";
import { textOf } from "../resources/manifest.ts";
import { ManifestEditor } from "../resources/manifest-editor.tsx";

/** Its manifest as YAML, as `claw get -o yaml` has it; changed with the preview first. */
export function SpecTab({ instance, tenant, me }: { readonly instance: ClawInstance; readonly tenant: string; readonly me: Me }) {
  const t = useTexts();
  const { name, project } = instance.metadata;
  const text = textOf(instance as unknown as AnyResource);
  const [edited, setEdited] = useState<string>();
  return (
    <div className="flex flex-col gap-3">
      <p className="flex flex-wrap items-center justify-between gap-2 text-sm text-ink-soft">
        <span>
          {t("instances.specHelp")} <code className="font-mono text-xs">claw get instance {name} -o yaml</code>
        </span>
        {edited === undefined && (
          <Button
            icon={<Icon of={Pencil} size={14} />}
            disabled={!allows(me, "instances.write", project)}
            title={allows(me, "instances.write", project) ? undefined : t("instances.mayNot", { permission: "instances.write" })}
            onClick={() => setEdited(text)}
          >
            {t("resources.edit")}
          </Button>
        )}
      </p>
      {edited === undefined ? (
        <Code label={t("instances.tab_spec")} yaml text={text.replace(/^ {2}resourceVersion: .*\n/m, "")} />
      ) : (
        <ManifestEditor tenant={tenant} text={edited} onCancel={() => setEdited(undefined)} onApplied={() => setEdited(undefined)} />
      )}
    </div>
  );
}
