import { TerminalSquare } from "lucide-react";
import { useState } from "react";
import { useTexts } from "../app/preferences.ts";
import { Button } from "./button.tsx";
import { Code } from "./code.tsx";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icon.tsx";

/** How the same is done without the console: by the command line, and by any program that speaks HTTP. */
export function Equivalents({ command, path, tenant }: { readonly command: string; readonly path: string; readonly tenant: string }) {
  const t = useTexts();
  const [isOpen, setOpen] = useState(false);
  const curl = `curl -H "Authorization: Bearer $CLAW_TOKEN" -H "X-Claw-Tenant: ${tenant}" \\\n  "${location.origin}/api/v1${path}"`;
  return (
    <>
      <Button look="quiet" icon={<Icon of={TerminalSquare} />} onClick={() => setOpen(true)}>
        <span className="max-md:sr-only">{t("app.equivalents")}</span>
      </Button>
      {isOpen && (
        <Dialog title={t("app.equivalents")} onClose={() => setOpen(false)}>
          <div className="flex flex-col gap-3 text-sm">
            <p className="text-ink-soft">{t("app.equivalentsHelp")}</p>
            <Code label="claw" text={`CLAW_URL=${location.origin} CLAW_TENANT=${tenant} \\\n  ${command}`} />
            <Code label="curl" text={curl} />
          </div>
        </Dialog>
      )}
    </>
  );
}
