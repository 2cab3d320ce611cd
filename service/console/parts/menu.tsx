import * as Radix from "@radix-ui/react-dropdown-menu";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "./icon.tsx";

/** A menu at its button. It locks nothing of the page: that would take styles in the document, which its security policy refuses. */
export function Menu({
  trigger,
  children,
  align = "end",
}: {
  readonly trigger: ReactNode;
  readonly children: ReactNode;
  readonly align?: "start" | "end";
}) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="appear z-40 max-h-[min(28rem,80dvh)] min-w-48 overflow-y-auto rounded-lg border border-line bg-raised p-1 text-sm shadow-xl"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

const ITEM =
  "flex min-h-8 cursor-pointer select-none items-center gap-2 rounded-md px-2 outline-none data-[disabled]:cursor-not-allowed data-[disabled]:opacity-50 data-[highlighted]:bg-sunken max-md:min-h-11";

export function MenuItem({
  onSelect,
  icon,
  children,
  disabled = false,
  danger = false,
  title,
}: {
  readonly onSelect: () => void;
  readonly icon?: ReactNode;
  readonly children: ReactNode;
  readonly disabled?: boolean;
  readonly danger?: boolean;
  readonly title?: string | undefined;
}) {
  return (
    <Radix.Item className={`${ITEM} ${danger ? "text-bad" : ""}`} onSelect={onSelect} disabled={disabled} title={title}>
      {icon}
      {children}
    </Radix.Item>
  );
}

/** Items of which one is chosen. */
export function MenuChoice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  readonly label?: string;
  readonly value: T | undefined;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
}) {
  return (
    <Radix.Group>
      {label !== undefined && <MenuLabel>{label}</MenuLabel>}
      <Radix.RadioGroup {...(value !== undefined && { value })} onValueChange={(chosen) => onChange(chosen as T)}>
        {options.map(([option, text]) => (
          <Radix.RadioItem key={option} value={option} className={ITEM}>
            <span className="flex size-4 items-center">
              <Radix.ItemIndicator>
                <Icon of={Check} />
              </Radix.ItemIndicator>
            </span>
            {text}
          </Radix.RadioItem>
        ))}
      </Radix.RadioGroup>
    </Radix.Group>
  );
}

/** One that is on or off; the menu stays open for more of them. */
export function MenuCheck({
  isChecked,
  onChange,
  children,
}: {
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly children: ReactNode;
}) {
  return (
    <Radix.CheckboxItem className={ITEM} checked={isChecked} onCheckedChange={onChange} onSelect={(event) => event.preventDefault()}>
      <span className="flex size-4 items-center">
        <Radix.ItemIndicator>
          <Icon of={Check} />
        </Radix.ItemIndicator>
      </span>
      {children}
    </Radix.CheckboxItem>
  );
}

export function MenuLabel({ children }: { readonly children: ReactNode }) {
  return <Radix.Label className="px-2 pt-1.5 pb-1 text-xs text-ink-faint">{children}</Radix.Label>;
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
