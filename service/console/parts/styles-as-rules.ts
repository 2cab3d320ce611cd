/**
 * Does something that writes styles into elements of the page, which the console's security policy refuses: each such element stands for a style
 * sheet instead, made by the document's own API, which needs no leave.
 */
export function withStylesAsRules(work: () => void): void {
  const make = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name === "style" ? standIn(make("span")) : make(name, options)) as typeof document.createElement;
  try {
    work();
  } finally {
    document.createElement = make;
  }
}

function standIn(stand: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  stand.hidden = true;
  Object.defineProperty(stand, "textContent", { set: (text: string) => sheet.replaceSync(text), get: () => "" });
  const remove = stand.remove.bind(stand);
  stand.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    remove();
  };
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return stand;
}
