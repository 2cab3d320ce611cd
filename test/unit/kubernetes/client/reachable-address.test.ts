import type { LookupAddress } from "node:dns";
import { describe, it } from "vitest";
import { assertReachable, lookupReachable } from "../../../../adapters/kubernetes/client/reachable-address.ts";
import { createClusters } from "../../../../adapters/kubernetes/clusters.ts";

const isRefused = (server: string) => {
  try {
    assertReachable(new URL(server).hostname);
    return false;
  } catch {
    return true;
  }
};
const lookedUp = (host: string, all: boolean) =>
  new Promise<string | LookupAddress[]>((resolve, reject) => {
    lookupReachable(host, { all }, (error, found) => (error ? reject(error) : resolve(found)));
  });

describe("an API server's address", () => {
  it.for([
    "http://169.254.169.254",
    "http://0xA9FEA9FE/",
    "http://2852039166/latest",
    "http://[::ffff:169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[fe80::1]",
    "https://[fd00:ec2::254]:443",
    "http://100.100.100.200",
    "http://168.63.129.16",
    "http://0.0.0.0:6443",
    "http://[::]",
    "https://224.0.0.1",
  ])("is none that answers for the host alone, however it is written: %s", (server, { expect }) => {
    expect(isRefused(server)).toBe(true);
  });

  it.for([
    "https://10.0.0.1:6443",
    "https://192.168.1.7",
    "https://127.0.0.1:6443",
    "https://[fd12::1]",
    "https://203.0.113.7",
    "https://k8s.example",
  ])("may be in a private network, where clusters are: %s", (server, { expect }) => {
    expect(isRefused(server)).toBe(false);
  });

  it("is looked at when its name is looked up, which is what is connected to", async ({ expect }) => {
    // An address is the one name that every resolver answers alike.
    for (const all of [true, false]) {
      await expect(lookedUp("169.254.169.254", all)).rejects.toThrow("169.254.169.254 is not connected to");
    }
    expect(await lookedUp("127.0.0.1", false)).toBe("127.0.0.1");
    expect(await lookedUp("127.0.0.1", true)).toEqual([{ address: "127.0.0.1", family: 4 }]);
  });

  it("that is refused is told as what is wrong with the kubeconfig", async ({ expect }) => {
    const clusters = createClusters();
    const kubeconfig = JSON.stringify({
      clusters: [{ name: "a", cluster: { server: "http://169.254.169.254" } }],
      contexts: [{ name: "a", context: { cluster: "a" } }],
      "current-context": "a",
    });
    await expect(clusters.connect({ kubeconfig }).usage()).rejects.toMatchObject({
      name: "ClusterError",
      reason: "InvalidKubeconfig",
      message: expect.stringContaining("metadata"),
    });
    clusters.close();
  });
});
