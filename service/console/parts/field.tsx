import { type ComponentProps, type ReactNode, useId } from "react";

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
  /** @param ids of the control, and of what is said of it */
  readonly children: (ids: { readonly id: string; readonly "aria-describedby": string; readonly "aria-invalid": boolean }) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1 text-sm">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": `${id}-help`, "aria-invalid": error !== undefined })}
      <span id={`${id}-help`} className={error === undefined ? "text-ink-faint" : "text-bad"}>
        {error ?? help}
      </span>
    </div>
  );
}
