import { claw } from "../app/claw.ts";
import { tell } from "../parts/toasts.tsx";

/** Opens an instance's own web UI, signed in by a link that is good once. */
export async function openPage(tenant: string, id: string): Promise<void> {
  // Opened before anything is waited for, or the browser takes it for nobody's wish.
  const page = window.open("about:blank", "_blank");
  if (page) {
    page.opener = null;
  }
  try {
    const { url } = await claw(tenant).instances.open(id, {});
    if (page) {
      page.location.href = url;
    } else {
      location.href = url;
    }
  } catch (error) {
    page?.close();
    tell("bad", error instanceof Error ? error.message : String(error));
  }
}
