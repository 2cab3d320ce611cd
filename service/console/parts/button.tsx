import type { ButtonHTMLAttributes, ReactNode } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong border-transparent font-medium",
  plain: "bg-panel text-ink border-line-strong hover:bg-sunken",
  quiet: "bg-transparent text-ink-soft border-transparent hover:bg-sunken hover:text-ink",
  danger: "bg-bad text-on-bad border-transparent font-medium hover:opacity-90",
} as const;
export type ButtonLook = keyof typeof LOOKS;

export function buttonClass(look: ButtonLook = "plain", more = ""): string {
  return `inline-flex h-8 items-center justify-center gap-1.5 rounded-md border px-3 text-sm whitespace-nowrap transition-colors disabled:opacity-50 aria-disabled:opacity-50 max-md:h-11 max-md:px-4 ${LOOKS[look]} ${more}`;
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: ButtonLook | undefined;
  readonly icon?: ReactNode;
  readonly isBusy?: boolean | undefined;
}

export function Button({ look, icon, isBusy, children, className = "", disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={(disabled ?? false) || (isBusy ?? false)}
      aria-busy={isBusy || undefined}
      className={buttonClass(look, className)}
    >
      {isBusy ? <span aria-hidden="true" className="turn size-3.5 rounded-full border-2 border-current border-r-transparent" /> : icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly label: string;
  readonly icon: ReactNode;
}

/** A button that is a sign alone; what it does is its name to screen readers, and under the pointer. */
export function IconButton({ label, icon, className = "", ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-md text-ink-soft hover:bg-sunken hover:text-ink disabled:opacity-50 max-md:size-11 ${className}`}
    >
      {icon}
    </button>
  );
}
