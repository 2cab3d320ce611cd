import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTexts } from "../app/preferences.ts";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

const COPIED_MS = 1_500;

export function CopyButton({ text, className }: { readonly text: string; readonly className?: string }) {
  const t = useTexts();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (isCopied) {
      const timer = setTimeout(() => setCopied(false), COPIED_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [isCopied]);
  return (
    <IconButton
      label={isCopied ? t("app.copied") : t("app.copy")}
      icon={<Icon of={isCopied ? Check : Copy} size={14} />}
      className={className ?? ""}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    />
  );
}

/** A text of a program, as it is, with its colours where it is YAML. */
export function Code({ text, yaml = false, label }: { readonly text: string; readonly yaml?: boolean; readonly label: string }) {
  return (
    <div className="relative">
      <pre
        role="region"
        tabIndex={0}
        aria-label={label}
        className="max-h-[36rem] overflow-auto rounded-md bg-sunken p-3 pr-12 font-mono text-xs leading-5"
      >
        {yaml
          ? text
              .trimEnd()
              .split("\n")
              .map((line, index) => <YamlLine key={`${index} ${line}`} line={line} />)
          : text}
      </pre>
      <CopyButton text={text} className="absolute top-1.5 right-1.5" />
    </div>
  );
}

function YamlLine({ line }: { readonly line: string }) {
  const [, indent = "", key = "", rest = line] = /^(\s*(?:- )?)([\w.$/-]+:)?(.*)$/.exec(line) ?? [];
  return (
    <>
      {indent}
      <span className="text-accent">{key}</span>
      <span className={/^\s*"?[\d.]+"?$|^ (true|false|null)$/.test(rest) ? "text-warn" : ""}>{rest}</span>
      {"\n"}
    </>
  );
}
