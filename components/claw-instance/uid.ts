import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

const UID = /^[A-Za-z0-9_-]{1,63}$/;
const NAME_MAX = 40;

/** The uid that was given, or one that this instance alone has among those of all programs. @internal */
export function uidOf(name: string, given: string | undefined): string {
  if (given === undefined) {
    const digest = createHash("sha256").update([pulumi.getProject(), pulumi.getStack(), name].join("/")).digest("hex");
    return `${name.slice(0, NAME_MAX).replace(/[^A-Za-z0-9_-]/g, "-")}-${digest.slice(0, 12)}`;
  }
  if (!UID.test(given)) {
    const reason = `'${given}' is no uid: give up to 63 letters, digits, '_' and '-', or leave it out`;
    throw new pulumi.InputPropertyError({ propertyPath: "uid", reason });
  }
  return given;
}
