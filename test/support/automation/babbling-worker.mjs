// A worker that answers with what the test asks it for by the stack's name, which need be no answer, and any operation with its tenant.
process.on("message", ({ stack, operation }) => {
  if (operation) {
    process.send({ type: "result", result: operation.tenantId, residentBytes: 0 });
    return;
  }
  const replies = {
    sound: { type: "result", result: "sound", residentBytes: 0 },
    text: "garbage",
    nothing: null,
    unknown: { type: "no-such" },
    missing: { type: "result" },
    wrong: { type: "error", code: "no.such_code", message: 1, issues: {}, residentBytes: -1 },
  };
  process.send(replies[stack.stack]);
});
process.send({ type: "ready" });
