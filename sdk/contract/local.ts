/** The name of the control plane's own host, where instances are processes: it is always there, and no Cluster may be called so. */
export const LOCAL_CLUSTER = "local";

/** Of an instance when neither it nor its tenant asks for any. */
export const DEFAULT_PLACEMENT = { cluster: LOCAL_CLUSTER, tolerations: [] };
