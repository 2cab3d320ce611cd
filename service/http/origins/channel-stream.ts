import { Duplex } from "node:stream";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { sendBytes } from "../streams/relay.ts";

/** A connection over which nothing passes for so long ends: who has gone without a word is not waited for. */
const IDLE_MS_MAX = 10 * 60_000;

/** A channel to an instance's port, as what a connection is to Node. @param onFrame is told of each that comes */
export function channelStream(channel: AgentChannel, onFrame: () => void): Duplex {
  const waiting: (() => void)[] = [];
  const stream = new Duplex({
    read() {
      for (const goOn of waiting.splice(0)) {
        goOn();
      }
    },
    write(bytes: Buffer, _encoding, done) {
      idle.refresh();
      void Promise.resolve(sendBytes(channel, bytes)).then(() => done(), done);
    },
    destroy(error, done) {
      clearTimeout(idle);
      channel.close();
      done(error);
    },
  });
  const idle = setTimeout(() => stream.destroy(new Error("nothing passed for ten minutes")), IDLE_MS_MAX);
  channel.onData((data) => {
    idle.refresh();
    onFrame();
    return stream.push(Buffer.from(data, "base64")) ? undefined : new Promise<void>((resolve) => waiting.push(resolve));
  });
  channel.onClose(({ error }) => {
    if (error === undefined) {
      stream.push(null);
    } else {
      stream.destroy(new Error(error));
    }
  });
  return stream;
}
