import type { Texts } from "../app/texts.ts";

/** Of a preview that somebody sent a link to. */
export const previews = {
  title: ["Preview", "预览"],
  note: ["What would change, as it was worked out {ago}.", "将产生的变更，计算于 {ago}。"],
  apply: ["Apply exactly this", "按此应用"],
  applied: ["Applied: exactly what was shown.", "已应用：与预览完全一致。"],
  noPlan: ["It can't be applied any more, or never could be.", "无法应用，或已失效。"],
  reach: ["Whom it reaches", "影响范围"],
  by_effect: ["What happens", "影响"],
  by_tenant: ["Tenant", "租户"],
  by_cluster: ["Cluster", "集群"],
  by_ring: ["Ring (label)", "环（标签）"],
  link: ["Link to this preview", "此预览的链接"],
} as const satisfies Texts;
