import type { ComponentProps, ReactNode } from "react";

const BOX =
  "h-8 rounded-md border border-line-strong bg-panel px-2.5 text-sm placeholder:text-ink-faint hover:border-ink-faint max-md:h-11 max-md:text-lg";

export function Input({ className = "", ...rest }: ComponentProps<"input">) {
  return <input autoComplete="off" spellCheck={false} {...rest} className={`${BOX} ${className}`} />;
}

/** The browser's own: on a phone it is the one that people know. */
export function Select({
  options,
  className = "",
  ...rest
}: ComponentProps<"select"> & { readonly options: readonly (readonly [value: string, text: string])[] }) {
  return (
    <select {...rest} className={`${BOX} pr-1 ${className}`}>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

/** A name above what it is of, with help and what is wrong beneath. */
export function Field({
  label,
  help,
  error,
  children,
}: {
  readonly label: string;
  readonly help?: ReactNode;
  readonly error?: string | undefined;
  readonly children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is its child
    <label className="flex flex-col gap-1 text-sm">
      <span className="font-medium">{label}</span>
      {children}
      {error !== undefined ? (
        <span className="text-bad">{error}</span>
      ) : (
        help !== undefined && <span className="text-ink-faint">{help}</span>
      )}
    </label>
  );
}
