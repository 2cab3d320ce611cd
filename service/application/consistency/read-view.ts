import { ClawError, type ConfigView, ConfigViewSchema, parseJson } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";

/** A program that is busy takes its time to say what it runs with. */
const ANSWER_MS = 12_000;
/** More than an agent sends. */
const TEXT_MAX = 16 * 1024 * 1024;

/** What an agent finds its claw to be configured with. @throws {ClawError} `instance.unreachable` */
export function readView(channel: AgentChannel): Promise<ConfigView> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new ClawError("instance.unreachable", why));
    let text = "";
    const late = setTimeout(() => {
      channel.close();
      fail("its agent did not say in time what its claw runs with");
    }, ANSWER_MS);
    channel.onData((data) => {
      text += data;
      if (text.length > TEXT_MAX) {
        channel.close();
        fail("its agent says more than can be read");
      }
    });
    channel.onClose(({ error }) => {
      clearTimeout(late);
      const read = ConfigViewSchema.safeParse(parseJson(text));
      if (error !== undefined) {
        fail(error);
      } else if (read.success) {
        resolve(read.data);
      } else {
        fail("its agent said what can't be read");
      }
    });
  });
}
