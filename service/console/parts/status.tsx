import { Ban, CircleAlert, CircleCheck, CirclePause, LoaderCircle, type LucideIcon, TriangleAlert } from "lucide-react";
import { Icon } from "./icon.tsx";
import type { Tone } from "./tone.ts";

const LOOKS: Readonly<Record<Tone, { readonly icon: LucideIcon; readonly text: string; readonly soft: string }>> = {
  good: { icon: CircleCheck, text: "text-good", soft: "bg-good-soft" },
  busy: { icon: LoaderCircle, text: "text-accent", soft: "bg-accent-soft" },
  warn: { icon: TriangleAlert, text: "text-warn", soft: "bg-warn-soft" },
  bad: { icon: CircleAlert, text: "text-bad", soft: "bg-bad-soft" },
  off: { icon: CirclePause, text: "text-off", soft: "bg-off-soft" },
  gone: { icon: Ban, text: "text-off", soft: "bg-off-soft" },
};

export function ToneIcon({ tone, size = 15 }: { readonly tone: Tone; readonly size?: number }) {
  const { icon, text } = LOOKS[tone];
  return <Icon of={icon} size={size} className={`${text} ${tone === "busy" ? "turn" : ""}`} />;
}

/** A state as a word with its sign. */
export function Status({ tone, children, soft = false }: { readonly tone: Tone; readonly children: string; readonly soft?: boolean }) {
  const { text, soft: background } = LOOKS[tone];
  return (
    <span
      className={`inline-flex items-center gap-1.5 text-sm font-medium whitespace-nowrap ${text} ${soft ? `rounded-md px-2 py-0.5 ${background}` : ""}`}
    >
      <ToneIcon tone={tone} />
      {children}
    </span>
  );
}
