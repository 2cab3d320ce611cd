import type { ConfigTemplateSpec, ConfigVariable } from "../../../sdk/contract/index.ts";
import { maskLeaves } from "../sealed.ts";

/** The JSON Schema of values for a template's variables, by their names. What forms want beside it begins with `x-`. */
export function templateSchema(name: string, spec: ConfigTemplateSpec): Record<string, unknown> {
  const { description, variables, groups } = spec;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: name,
    ...(description !== "" && { description }),
    type: "object",
    properties: Object.fromEntries(variables.map((variable) => [variable.name, schemaOf(variable)])),
    // What has a default need not be given.
    required: variables.filter((variable) => variable.required && variable.default === undefined).map((variable) => variable.name),
    additionalProperties: false,
    ...(groups && { "x-groups": groups }),
  };
}

const SECRET_REF = {
  type: "object",
  properties: { secretRef: { type: "string", description: "the name of a Secret" } },
  required: ["secretRef"],
  additionalProperties: false,
  "x-type": "secretRef",
};

function schemaOf(variable: ConfigVariable): Record<string, unknown> {
  const { name: _, type, required: _required, secret, items, merge, message, group, description, default: value, ...rest } = variable;
  return {
    ...(type === "secretRef" ? SECRET_REF : { type }),
    ...rest,
    ...(description !== "" && { description }),
    ...(value !== undefined && !secret && { default: maskLeaves(value) }),
    ...(items && { items: { type: items } }),
    ...(secret && { writeOnly: true }),
    ...(merge && { "x-merge": merge }),
    ...(message !== undefined && { "x-message": message }),
    ...(group !== undefined && { "x-group": group }),
  };
}
