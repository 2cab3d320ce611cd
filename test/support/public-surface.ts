import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import ts from "typescript";

/** A declaration longer than this is a schema written out: its digest shows that it changed, openapi.json and the sources what. */
const WRITTEN_OUT_CHARS_MAX = 2_000;

interface Found {
  readonly name: string;
  readonly text: string;
}

/**
 * The declarations that a built module exports, and those of its own folder that they are made of, as text without comments: a change of
 * what others can import is a change of this text. Read by syntax alone, so that it takes no second.
 * @param entry a `.d.ts` file
 */
export function publicSurface(entry: string): string {
  const folder = dirname(entry);
  const exported = new Map<string, Found>();
  const beneath = new Map<string, Found>();
  const queue: { readonly file: string; readonly name: string; readonly as: string; readonly into: Map<string, Found> }[] = [];
  for (const { file, name, as } of exportsOf(entry)) {
    queue.push({ file, name, as, into: exported });
  }
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { file, name, as, into } = next;
    const module = read(file);
    const declarations = module.declarations.get(name) ?? [];
    const from = module.imports.get(name);
    if (declarations.length === 0 && from) {
      queue.push({ ...from, as, into });
      continue;
    }
    if (into.has(as) || (into === beneath && exported.has(as))) {
      continue;
    }
    into.set(as, { name: as, text: declarations.map((node) => shown(node, module.source)).join("\n") });
    for (const used of declarations.flatMap(namesIn)) {
      const imported = module.imports.get(used);
      const place = imported ?? (module.declarations.has(used) ? { file, name: used } : undefined);
      if (place && dirname(place.file).startsWith(folder)) {
        queue.push({ ...place, as: used, into: beneath });
      }
    }
  }
  const others = [...beneath.values()].filter(({ name }) => !exported.has(name));
  return [...sorted(exported.values()), "", "// What these are made of", ...sorted(others)].join("\n");
}

/** Compares each subpath's surface with its page in docs/reference/api, or writes it. @returns what differs */
export function reportSurface(root: string, exports: Readonly<Record<string, string>>, write: boolean): string[] {
  return Object.entries(exports).flatMap(([subpath, file]) => {
    if (!file.endsWith(".js")) {
      return [];
    }
    const name = subpath === "." ? "client" : subpath.slice(2).replaceAll("/", "-");
    const page = join(root, "docs/reference/api", `${name}.md`);
    const imported = subpath === "." ? "open-cluster-claw" : `open-cluster-claw/${subpath.slice(2)}`;
    const surface = publicSurface(join(root, file.replace(/\.js$/, ".d.ts")));
    const text = `# \`${imported}\`\n\nWhat it exports. Written by \`npm run check:package -- -u\`: a change of it is a change for those who import it.\n\n\`\`\`ts\n${surface}\n\`\`\`\n`;
    if (write) {
      writeFileSync(page, text);
      return [];
    }
    const known = readFileSync(page, { encoding: "utf8", flag: "a+" });
    return known === text ? [] : [`${imported} exports something else than docs/reference/api/${basename(page)} says; -u writes it anew`];
  });
}

interface Place {
  readonly file: string;
  readonly name: string;
}

interface Module {
  readonly source: ts.SourceFile;
  readonly declarations: ReadonlyMap<string, readonly ts.Node[]>;
  readonly imports: ReadonlyMap<string, Place>;
}

const modules = new Map<string, Module>();

function read(file: string): Module {
  const known = modules.get(file);
  if (known) {
    return known;
  }
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const declarations = new Map<string, ts.Node[]>();
  const imports = new Map<string, Place>();
  for (const statement of source.statements) {
    for (const name of declaredBy(statement)) {
      declarations.set(name, [...(declarations.get(name) ?? []), statement]);
    }
    const from = ts.isImportDeclaration(statement) ? moduleOf(file, statement.moduleSpecifier) : undefined;
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    if (from !== undefined && bindings && ts.isNamedImports(bindings)) {
      for (const { name, propertyName } of bindings.elements) {
        imports.set(name.text, { file: from, name: (propertyName ?? name).text });
      }
    }
  }
  const module = { source, declarations, imports };
  modules.set(file, module);
  return module;
}

function exportsOf(file: string): (Place & { readonly as: string })[] {
  return read(file).source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      const from = statement.moduleSpecifier && moduleOf(file, statement.moduleSpecifier);
      const names = statement.exportClause && ts.isNamedExports(statement.exportClause) ? statement.exportClause.elements : undefined;
      if (names) {
        return names.flatMap(({ name, propertyName }) => {
          const as = name.text;
          const wanted = (propertyName ?? name).text;
          const found = from === undefined ? undefined : exportsOf(from).find((candidate) => candidate.as === wanted);
          return [found ? { ...found, as } : { file, name: wanted, as }];
        });
      }
      return from === undefined ? [] : exportsOf(from);
    }
    const isExported =
      ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    return isExported ? declaredBy(statement).map((name) => ({ file, name, as: name })) : [];
  });
}

function declaredBy(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const name = ts.isDeclarationStatement(statement) && !ts.isImportEqualsDeclaration(statement) ? statement.name : undefined;
  return name ? [name.getText()] : [];
}

/** Only our own files are followed. */
function moduleOf(file: string, specifier: ts.Expression): string | undefined {
  const path = (specifier as ts.StringLiteral).text;
  return path.startsWith(".") ? join(dirname(file), path.replace(/(\.d)?\.[jt]s$/, ".d.ts")) : undefined;
}

function namesIn(node: ts.Node): string[] {
  const names: string[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isIdentifier(child)) {
      names.push(child.text);
    }
    child.forEachChild(visit);
  };
  visit(node);
  return names;
}

const printer = ts.createPrinter({ removeComments: true });

function shown(node: ts.Node, source: ts.SourceFile): string {
  const text = printer.printNode(ts.EmitHint.Unspecified, node, source);
  if (text.length <= WRITTEN_OUT_CHARS_MAX) {
    return text;
  }
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `${text.slice(0, text.search(/[:=({]/))}… // ${text.length} characters, ${digest}`;
}

function sorted(found: Iterable<Found>): string[] {
  return [...found].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ text }) => text);
}
