/** The product's sign. */
export function Mark({ size = 22 }: { readonly size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" className="shrink-0">
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g fill="none" strokeWidth="2.6" strokeLinecap="round" className="stroke-on-accent">
        <path d="M9 7.5c-1.8 5.6-1.4 11.6 1.8 17" />
        <path d="M16 6.5c-1.4 6-1.1 12.6 1.2 19" />
        <path d="M23 7.5c-.9 5.8-.5 11.4 1.3 16.4" />
      </g>
    </svg>
  );
}
