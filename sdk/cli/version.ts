import packageJson from "../../package.json" with { type: "json" };

/** The version of this program: the package's. */
export const programVersion = packageJson.version;
