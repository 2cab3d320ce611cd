// A worker that answers one request, then breaks off its channel a while before it ends: as one does that is killed.
process.on("message", () => {
  process.send({ type: "result", result: process.pid, residentBytes: 0 }, () => {
    process.disconnect();
    setTimeout(() => process.exit(1), 50);
  });
});
process.send({ type: "ready" });
