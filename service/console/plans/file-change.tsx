import { Columns2, Rows3 } from "lucide-react";
import { useSyncExternalStore } from "react";
import type { FileDiff } from "../../../sdk/contract/index.ts";
import { keep, read } from "../app/kept.ts";
import { useTexts } from "../app/preferences.ts";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { useIsPhone } from "../parts/use-is-phone.ts";
import { type Hunk, hunksOf, type Side } from "./diff-rows.ts";

const KEPT = "claw.diff";
const listeners = new Set<() => void>();
let isSplit = read(KEPT) === "split";

function setSplit(next: boolean): void {
  isSplit = next;
  keep(KEPT, next ? "split" : "unified");
  for (const listener of listeners) {
    listener();
  }
}

/** What changes in a file, line by line: one side under the other, or beside it where there is room. The choice holds for all. */
export function FileChange({ file: { path, diff } }: { readonly file: FileDiff }) {
  const t = useTexts();
  const isPhone = useIsPhone();
  const isChosen = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isSplit,
  );
  const hunks = hunksOf(diff);
  // Of a file that is new, or gone, there is one side.
  const rows = hunks.flatMap((hunk) => hunk.rows);
  const maySplit = !isPhone && rows.some(({ before }) => before) && rows.some(({ after }) => after);
  const isBeside = isChosen && maySplit;
  return (
    <figure className="overflow-hidden rounded-md border border-line">
      <figcaption className="flex min-h-8 items-center justify-between gap-2 border-b border-line bg-sunken py-0.5 pr-1 pl-3 font-mono text-xs">
        {path}
        {maySplit && (
          <IconButton
            label={t(isBeside ? "plans.unified" : "plans.split")}
            icon={<Icon of={isBeside ? Rows3 : Columns2} size={14} />}
            onClick={() => setSplit(!isBeside)}
            className="size-7"
          />
        )}
      </figcaption>
      {hunks.length === 0 ? (
        <pre className="px-3 py-1 font-mono text-xs leading-5 text-ink-soft">{diff.trimEnd().split("\n").at(-1)}</pre>
      ) : isBeside ? (
        <Beside hunks={hunks} path={path} />
      ) : (
        <Unified hunks={hunks} path={path} />
      )}
    </figure>
  );
}

const SIGNS = { removed: "−", added: "+", kept: " " } as const;
const COLOURS = { removed: "bg-bad-soft text-bad", added: "bg-good-soft text-good", kept: "text-ink-soft" } as const;

function Unified({ hunks, path }: { readonly hunks: readonly Hunk[]; readonly path: string }) {
  return (
    <pre role="region" aria-label={path} tabIndex={0} className="max-h-96 overflow-auto py-1 font-mono text-xs leading-5">
      {hunks.map(({ head, rows }) => (
        <div key={head} className="min-w-fit">
          <div className="px-3 text-accent">{head}</div>
          {linesOf(rows).map(([kind, side]) => (
            <div key={`${kind} ${side.number}`} className={`flex px-3 ${COLOURS[kind]}`}>
              <span aria-hidden="true" className="tabular w-10 shrink-0 pr-3 text-right opacity-70 select-none">
                {side.number}
              </span>
              <span className="w-4 shrink-0">{SIGNS[kind]}</span>
              <span>{side.text === "" ? " " : side.text}</span>
            </div>
          ))}
        </div>
      ))}
    </pre>
  );
}

/** All that goes before all that comes, as in any unified diff. */
function linesOf(rows: Hunk["rows"]): readonly (readonly [kind: keyof typeof SIGNS, side: Side])[] {
  const lines: (readonly [keyof typeof SIGNS, Side])[] = [];
  let added: (readonly ["added", Side])[] = [];
  for (const { kind, before, after } of rows) {
    if (kind === "same" && before && after) {
      lines.push(...added, ["kept", after]);
      added = [];
      continue;
    }
    if (before) {
      lines.push(["removed", before]);
    }
    if (after) {
      added.push(["added", after]);
    }
  }
  return [...lines, ...added];
}

function Beside({ hunks, path }: { readonly hunks: readonly Hunk[]; readonly path: string }) {
  const t = useTexts();
  return (
    <div role="region" aria-label={path} tabIndex={0} className="max-h-96 overflow-auto">
      <table className="w-full table-fixed font-mono text-xs leading-5">
        <thead className="sr-only">
          <tr>
            <th>{t("plans.before")}</th>
            <th>{t("plans.after")}</th>
          </tr>
        </thead>
        <tbody>
          {hunks.map(({ head, rows }) => [
            <tr key={head}>
              <td colSpan={2} className="px-3 text-accent">
                {head}
              </td>
            </tr>,
            ...rows.map(({ kind, before, after }) => (
              <tr key={`${head} ${before?.number} ${after?.number}`} className="align-top">
                <HalfRow side={before} kind={kind === "same" ? "kept" : "removed"} />
                <HalfRow side={after} kind={kind === "same" ? "kept" : "added"} />
              </tr>
            )),
          ])}
        </tbody>
      </table>
    </div>
  );
}

function HalfRow({ side, kind }: { readonly side: Side | undefined; readonly kind: keyof typeof SIGNS }) {
  return (
    <td className={`border-line not-first:border-l ${side ? COLOURS[kind] : "bg-sunken"}`}>
      {side && (
        <span className="flex px-2">
          <span aria-hidden="true" className="tabular w-8 shrink-0 pr-2 text-right opacity-70 select-none">
            {side.number}
          </span>
          <span className="w-3 shrink-0">{SIGNS[kind]}</span>
          <span className="min-w-0 break-all whitespace-pre-wrap">{side.text}</span>
        </span>
      )}
    </td>
  );
}
