import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { withStylesAsRules } from "./styles-as-rules.ts";

/** What is the matter with a part of the text. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

const look = EditorView.theme({
  "&": { fontSize: "12px", backgroundColor: "var(--sunken)", color: "var(--ink)", maxHeight: "36rem" },
  ".cm-scroller": { fontFamily: "var(--font-mono, monospace)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-faint)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--panel)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-diagnostic": { padding: "4px 8px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
});
const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--ink-faint)" },
  { tag: tags.string, color: "var(--good)" },
]);

/** YAML as it is typed, with what is wrong at its place. What is typed is this editor's: `text` is what it begins with. Tab leaves it. */
export function YamlEditor({
  text,
  label,
  marks,
  onChange,
  onSubmit,
}: {
  readonly text: string;
  readonly label: string;
  readonly marks: readonly Mark[];
  readonly onChange: (text: string) => void;
  readonly onSubmit: () => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView>(undefined);
  const current = useRef({ text, onChange, onSubmit });
  current.current = { ...current.current, onChange, onSubmit };
  useEffect(() => {
    const state = EditorState.create({
      doc: current.current.text,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        yaml(),
        syntaxHighlighting(colours),
        lintGutter(),
        look,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
        EditorView.updateListener.of(({ docChanged, state: { doc } }) => {
          if (docChanged) {
            current.current.onChange(doc.toString());
          }
        }),
        keymap.of([
          {
            key: "Mod-Enter",
            run: () => {
              current.current.onSubmit();
              return true;
            },
          },
          ...defaultKeymap,
          ...historyKeymap,
        ]),
      ],
    });
    withStylesAsRules(() => {
      editor.current = new EditorView({ state, ...(place.current && { parent: place.current }) });
    });
    return () => {
      // Who comes back finds what was typed.
      current.current.text = editor.current?.state.doc.toString() ?? current.current.text;
      editor.current?.destroy();
    };
  }, [label]);
  useEffect(() => {
    const { current: view } = editor;
    if (view) {
      const { length } = view.state.doc;
      const shown = marks.map(({ from, to, message }) => ({
        from: Math.min(from, length),
        to: Math.min(Math.max(to, from), length),
        message,
        severity: "error" as const,
      }));
      view.dispatch(setDiagnostics(view.state, shown));
    }
  }, [marks]);
  return <div ref={place} className="overflow-hidden rounded-md border border-line-strong" />;
}
