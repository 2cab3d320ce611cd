/** Declarations of workloads as short as the server takes them: what is left out, it fills in. */

const labels = { app: "web" };

export const podSpec = (container: Record<string, unknown> = {}) => ({
  containers: [{ name: "main", image: "example.com/web:1", ...container }],
});

export function podTemplate(container: Record<string, unknown> = {}, annotations: Record<string, string> = {}) {
  return { metadata: { labels, annotations }, spec: podSpec(container) };
}

export function aDeployment(changes: Record<string, unknown> = {}, container: Record<string, unknown> = {}) {
  return {
    metadata: { name: "web" },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: podTemplate(container), ...changes },
  };
}

export function aStatefulSet(changes: Record<string, unknown> = {}) {
  return {
    metadata: { name: "db" },
    spec: { replicas: 1, serviceName: "db", selector: { matchLabels: labels }, template: podTemplate(), ...changes },
  };
}

/** A pod's annotation that keeps it from starting, for the given reason (see kwok.yaml). */
export const waitingFor = (reason: string) => ({ "test.clusterclaw.io/waiting": reason });
