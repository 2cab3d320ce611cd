import type { ResourceState } from "../contract/checkpoint.ts";
import { type PropertyMap, type PropertyValue, SECRET_SIGNATURE, SIGNATURE_KEY } from "../contract/values.ts";
import type { SecretsManager } from "../operation.ts";

/** A secret as a checkpoint holds it: sealed, or in clear as `stack export --show-secrets` prints it (JSON text both). */
type StoredSecret = { ciphertext: string } | { plaintext: string };

function storedSecret(value: { [key: string]: PropertyValue }): StoredSecret | undefined {
  if (value[SIGNATURE_KEY] !== SECRET_SIGNATURE) {
    return undefined;
  }
  const { ciphertext, plaintext } = value;
  if (typeof ciphertext === "string") {
    return { ciphertext };
  }
  if (typeof plaintext === "string") {
    return { plaintext };
  }
  throw new Error("malformed secret: it has neither a ciphertext nor a plaintext");
}

function mapSecrets(value: PropertyValue, map: (secret: StoredSecret) => PropertyValue): PropertyValue {
  if (Array.isArray(value)) {
    return value.map((item) => mapSecrets(item, map));
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const secret = storedSecret(value);
  if (secret) {
    return map(secret);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapSecrets(item, map)]));
}

function plaintextOf(secret: StoredSecret, secrets: SecretsManager): string {
  return "plaintext" in secret ? secret.plaintext : secrets.decrypt(secret.ciphertext);
}

/** Sealed secrets become `{ sig, plaintext }`. */
export function revealSecrets(value: PropertyValue, secrets: SecretsManager): PropertyValue {
  return mapSecrets(value, (secret) => {
    const inner = revealSecrets(JSON.parse(plaintextOf(secret, secrets)), secrets);
    return { [SIGNATURE_KEY]: SECRET_SIGNATURE, plaintext: JSON.stringify(inner) };
  });
}

/** Every secret is sealed anew with `to`; sealed ones are opened with `from`. */
export function resealSecrets(value: PropertyValue, from: SecretsManager, to: SecretsManager): PropertyValue {
  return mapSecrets(value, (secret) => {
    const inner = resealSecrets(JSON.parse(plaintextOf(secret, from)), from, to);
    return { [SIGNATURE_KEY]: SECRET_SIGNATURE, ciphertext: to.encrypt(JSON.stringify(inner)) };
  });
}

/** Secrets become their plain values. */
export function unwrapSecrets(value: PropertyValue, secrets: SecretsManager): PropertyValue {
  return mapSecrets(value, (secret) => unwrapSecrets(JSON.parse(plaintextOf(secret, secrets)), secrets));
}

/** Secrets become `[secret]`, exactly: it is how the Automation API finds out which outputs are secret. */
export function maskSecrets(value: PropertyValue): PropertyValue {
  return mapSecrets(value, () => "[secret]");
}

/** Applies `map` to everything in a state that can hold a secret. */
export function mapStateValues(state: ResourceState, map: (value: PropertyValue) => PropertyValue): ResourceState {
  return {
    ...state,
    ...(state.inputs && { inputs: map(state.inputs) as PropertyMap }),
    ...(state.outputs && { outputs: map(state.outputs) as PropertyMap }),
    ...(state.replacementTrigger !== undefined && { replacementTrigger: map(state.replacementTrigger) }),
  };
}
