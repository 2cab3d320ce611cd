import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Status } from "../parts/status.tsx";
import { standingOf, toneOf } from "./state.ts";

/** How an instance does, as one word: its phase, unless it is on its way or something is the matter. */
export function InstanceStatus({ instance, soft = false }: { readonly instance: ClawInstance; readonly soft?: boolean }) {
  const t = useTexts();
  const standing = standingOf(instance);
  const { phase } = instance.status;
  const isTurning = standing === "changing" && phase !== "Creating";
  const word = isTurning
    ? t(
        instance.spec.running
          ? phase === "Stopped"
            ? "instances.phase_Starting"
            : "instances.standing_changing"
          : "instances.phase_Stopping",
      )
    : t(`instances.phase_${phase}`);
  return (
    <Status tone={toneOf(instance)} soft={soft}>
      {word}
    </Status>
  );
}
