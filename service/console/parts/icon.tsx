import type { LucideIcon } from "lucide-react";

/** A sign beside a word: screen readers pass it over. */
export function Icon({
  of: Of,
  size = 16,
  className = "",
}: {
  readonly of: LucideIcon;
  readonly size?: number;
  readonly className?: string;
}) {
  return <Of aria-hidden="true" size={size} strokeWidth={1.75} className={`shrink-0 ${className}`} />;
}
