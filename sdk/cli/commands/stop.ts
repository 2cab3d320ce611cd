import { defineAction } from "../actions.ts";

export const stopCommand = defineAction({
  verb: "stop",
  summary: "Stop instances",
  details: "A turn in flight may finish within the grace of the instance's type. Their data stays.",
  doing: "is stopping",
  done: "stopped",
});
