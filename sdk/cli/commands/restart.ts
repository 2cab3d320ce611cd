import { defineAction } from "../actions.ts";

export const restartCommand = defineAction({ verb: "restart", summary: "Restart instances", doing: "is restarting", done: "restarted" });
