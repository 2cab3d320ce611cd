import { connect as dial } from "node:net";
import { describe, it } from "vitest";
import { anInstanceAnswer } from "../../support/builders/resources.ts";
import { runCli } from "../../support/cli.ts";
import { answer, startServer } from "../../support/http-server.ts";

const instanceRoutes = (req: { path: string }, res: Parameters<typeof answer>[0]) =>
  req.path.endsWith("/console")
    ? answer(res, 201, { url: "/api/v1/instances/web/console/stream" })
    : answer(res, 200, anInstanceAnswer("web"));

describe("claw chat", () => {
  const serve = (last: object = { type: "done", usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } }) =>
    startServer(instanceRoutes, (socket) =>
      socket.on("message", (data) => {
        const { text, session } = JSON.parse(String(data));
        socket.send(JSON.stringify({ type: "delta", text: `${text}/${session ?? "default"}` }));
        socket.send(JSON.stringify(last));
      }),
    );

  it("prints the answer to stdout and what it cost to stderr", async ({ expect }) => {
    await using server = await serve();
    const result = await runCli(["chat", "web", "hello", "you", "--session", "s"], { url: server.url });
    expect(result).toEqual({ code: 0, stdout: "hello you/s\n", stderr: "3 tokens in, 2 out\n" });
  });

  it("takes the message from a pipe, and prints events as lines of JSON", async ({ expect }) => {
    await using server = await serve();
    const { stdout } = await runCli(["chat", "web", "-", "-o", "json"], { url: server.url, stdin: "piped\n" });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).type),
    ).toEqual(["delta", "done"]);
    expect(stdout).toContain("piped/default");
  });

  it("converses on a terminal until the input ends", async ({ expect }) => {
    await using server = await serve();
    const { code, stdout } = await runCli(["chat", "web"], { url: server.url, tty: true, stdin: ["one\n", "two\n"] });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "one/default\ntwo/default\n" });
  });

  it("fails with the reason that the instance gives", async ({ expect }) => {
    await using server = await serve({ type: "error", message: "no model key" });
    const { code, stderr } = await runCli(["chat", "web", "hello"], { url: server.url });
    expect(code).toBe(1);
    expect(stderr).toContain("why: no model key");
  });

  it("does not wait for a message that nobody can type", async ({ expect }) => {
    const { code, stderr } = await runCli(["chat", "web"]);
    expect(code).toBe(2);
    expect(stderr).toContain("claw chat web 'hello'");
  });
});

describe("claw logs", () => {
  it("follows until the log ends", async ({ expect }) => {
    await using server = await startServer(instanceRoutes, (socket) => {
      socket.send('{"type":"lines","lines":["one","two"],"position":"p.2"}');
      socket.send('{"type":"end"}');
    });
    const result = await runCli(["logs", "web", "-f", "--tail", "5"], { url: server.url });
    expect(result).toEqual({ code: 0, stdout: "one\ntwo\n", stderr: "the log ended\n" });
    expect(server.upgrades[0]?.query.get("tailLines")).toBe("5");
  });

  it("exits with 5 and the fix when the instance does not run", async ({ expect }) => {
    await using server = await startServer(instanceRoutes, (socket) => socket.close(4409, "instance.not_running: 'web' is stopped"));
    const { code, stderr } = await runCli(["logs", "web", "-f"], { url: server.url });
    expect(code).toBe(5);
    expect(stderr).toContain("claw start <instance> --wait");
  });
});

describe("claw console", () => {
  it("types what is piped in, ends it with Ctrl-D, and prints what comes back", async ({ expect }) => {
    await using server = await startServer(instanceRoutes, (socket) => {
      let typed = "";
      socket.on("message", (data) => {
        typed += String(data);
        if (typed.endsWith("\x04")) {
          socket.send(Buffer.from(`got ${JSON.stringify(typed)}`));
          socket.close(1000);
        }
      });
    });
    const result = await runCli(["console", "web"], { url: server.url, stdin: "ls\n" });
    expect(result).toEqual({ code: 0, stdout: 'got "ls\\n\\u0004"', stderr: "" });
    expect(server.requests[0]?.body).toEqual({ cols: 100, rows: 40 });
  });
});

describe("claw connect", () => {
  it("prints a local address whose connections reach the instance, until interrupted", async ({ expect }) => {
    await using server = await startServer(instanceRoutes, (socket) =>
      socket.on("message", (data) => {
        socket.send(Buffer.concat([Buffer.from("echo "), data as Buffer]));
        socket.close(1000);
      }),
    );
    const interrupt = new AbortController();
    const replies: string[] = [];
    const result = await runCli(["connect", "web"], {
      url: server.url,
      signal: interrupt.signal,
      onStdout: (text) => {
        const port = Number(new URL(text.trim()).port);
        const socket = dial(port, "127.0.0.1", () => socket.write("hello"));
        socket.on("data", (data) => replies.push(String(data)));
        socket.on("close", () => interrupt.abort());
      },
    });
    expect(replies.join("")).toBe("echo hello");
    expect(result.code).toBe(130);
    expect(result.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{32}\n$/);
  });

  it("names --port when the port is taken", async ({ expect }) => {
    await using server = await startServer(instanceRoutes);
    const { port } = new URL(server.url);
    const { code, stderr } = await runCli(["connect", "web", "--port", port], { url: server.url });
    expect(code).toBe(1);
    expect(stderr).toContain("take another: --port <port>");
  });
});
