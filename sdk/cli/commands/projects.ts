import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { projectKind } from "../kinds/project.ts";
import { defineGet, defineList } from "../nouns.ts";
import { parsePair, previewOption, writeOutputOption, yesOption } from "../options.ts";
import { showPlan } from "../preview.ts";
import { remove } from "../removal.ts";

export const projectsList = defineList("projects", projectKind);
export const projectsGet = defineGet("projects", projectKind);

export const projectsCreate = defineCommand({
  path: "projects create",
  group: "Resources",
  summary: "Create a project",
  details: "Its quota is written in a manifest: 'claw apply -f project.yaml'.",
  examples: ["claw projects create web", "claw projects create web --display-name 'The web team'"],
  syntax: (command) =>
    command
      .argument("<name>", "lower-case letters, digits and '-'")
      .addOption(new Option("--display-name <text>", "its name for people"))
      .addOption(new Option("--label <key=value>", "label it; repeatable").argParser(parsePair))
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { displayName, label, preview, output }, name) {
    const { claw, out, signal } = context;
    const manifest: Parameters<Claw["projects"]["create"]>[0] = {
      apiVersion: "clusterclaw.io/v1",
      kind: "Project",
      metadata: { name, ...(label === undefined ? {} : { labels: label }) },
      spec: displayName === undefined ? {} : { displayName },
    };
    if (preview) {
      return showPlan(context, await claw.projects.create(manifest, { preview: true, signal }), output);
    }
    const project = await claw.projects.create(manifest, { signal });
    return output ? out.item(project, projectKind, output) : out.line(`project/${name} created`);
  },
});

export const projectsDelete = defineCommand({
  path: "projects delete",
  group: "Resources",
  summary: "Delete a project that has no instances",
  examples: ["claw projects delete web", "claw projects delete web --yes"],
  syntax: (command) => command.argument("<project>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: projectKind, name }], options),
});
