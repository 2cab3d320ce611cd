import { Argument } from "@commander-js/extra-typings";
import { defineCommand } from "../command.ts";

/** Each script asks `claw complete` for candidates: `word<TAB>description` lines. */
const SCRIPTS = {
  bash: `_claw() {
  local IFS=$'\\n'
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(claw complete -- "\${words[@]}" 2>/dev/null | cut -f1))
}
complete -o default -F _claw claw`,
  zsh: `#compdef claw
_claw() {
  local -a candidates
  local line
  while IFS= read -r line; do
    candidates+=("\${line%%$'\\t'*}:\${line#*$'\\t'}")
  done < <(claw complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then _describe claw candidates; else _files; fi
}
compdef _claw claw`,
  fish: `complete -c claw -f -a '(claw complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
complete -c claw -s f -l filename -r -F`,
} as const;

export const completionCommand = defineCommand({
  path: "completion",
  group: "This program",
  summary: "Print a shell's completion script",
  details: "It completes commands, options and the names of what there is.",
  examples: [
    'eval "$(claw completion bash)"    # in ~/.bashrc',
    'eval "$(claw completion zsh)"     # in ~/.zshrc, after compinit',
    "claw completion fish | source     # in ~/.config/fish/config.fish",
  ],
  syntax: (command) => command.addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"] as const)),
  run: ({ out }, _options, shell) => out.line(SCRIPTS[shell]),
});
