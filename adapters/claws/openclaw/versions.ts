/** Whether a version of OpenClaw, such as `2026.9.6`, is that one or a later one. */
export function isSince(version: string, since: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, wanted] of since.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) {
      return part > wanted;
    }
  }
  return true;
}
