import { defineAction } from "../actions.ts";

export const startCommand = defineAction({ verb: "start", summary: "Start instances", doing: "is starting", done: "started" });
