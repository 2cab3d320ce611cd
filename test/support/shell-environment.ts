/** This process's environment as a person's shell has it: without settings of ours, keys of models and what npm and the test runner add. */
export function shellEnvironment(): NodeJS.ProcessEnv {
  // A company's registry and its certificates are the person's too.
  const notTheirs = /^(CLAW_|npm_(?!config_)|VITEST|NODE_(?!EXTRA_CA_CERTS)|ANTHROPIC_|OPENAI_|FORCE_COLOR)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !notTheirs.test(name)));
}
