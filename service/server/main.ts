/** `claw-server`: the programs of the service that a person starts. Each is loaded when it is asked for. */
import { Command, CommanderError } from "@commander-js/extra-typings";
import packageJson from "../../package.json" with { type: "json" };

const program = new Command("claw-server")
  .description("Open Cluster Claw's control plane.")
  .version(packageJson.version, "-V, --version", "print the version")
  .showHelpAfterError("'claw-server --help' lists the commands")
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    "after",
    "\nSettings are environment variables: see the README, 'Run it as a service'. 'claw' is the command line of its users.",
  );

program
  .command("start")
  .description("start the control plane, and end it in order at SIGTERM or Ctrl-C")
  .action(async () => {
    await import("../main.ts");
  });
program
  .command("quickstart")
  .description("a tour on this machine: an OpenClaw previewed, applied, talked to, changed")
  .option("--once", "end after the tour")
  .action(async () => {
    await import("../quickstart/main.ts");
  });
program
  .command("doctor")
  .description("say what a start needs and does not find, and how to mend it")
  .action(async () => {
    const { runDoctor } = await import("./doctor.ts");
    process.exitCode = (await runDoctor(process.env, process.stdout)) ? 0 : 1;
  });
program
  .command("console")
  .description("print a link that opens the web console in one browser, signed in as the administrator")
  .action(async () => {
    const { runConsoleLink } = await import("./console-link.ts");
    process.exitCode = (await runConsoleLink(process.env, process)) ? 0 : 1;
  });
const token = program.command("token").description("the administrator's token, from the host of the service");
token
  .command("reset")
  .description("make another in the place of one that is lost or retired, and print it; the former is refused at once")
  .action(async () => {
    const { resetToken } = await import("./reset-token.ts");
    process.exitCode = (await resetToken(process.env, process)) ? 0 : 1;
  });
const keys = program.command("keys").description("the keys that secrets are sealed with, from the host of the service");
keys
  .command("status")
  .description("say who has the key-encryption keys, and which data keys they wrap")
  .action(async () => {
    const { runKeysStatus } = await import("./keys.ts");
    process.exitCode = (await runKeysStatus(process.env, process)) ? 0 : 1;
  });
keys
  .command("rotate")
  .description("wrap every data key by a new key-encryption key; a service that runs goes on, and one cut off may be repeated")
  .action(async () => {
    const { runRotateKeys } = await import("./keys.ts");
    process.exitCode = (await runRotateKeys(process.env, process)) ? 0 : 1;
  });
program
  .command("version")
  .description("print the version")
  .action(() => {
    process.stdout.write(`claw-server ${packageJson.version} on Node.js ${process.versions.node}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    throw error;
  }
  // What is wrong has been printed. A command that is missing is a usage error, as is one that is not known.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
