import type { Texts } from "../app/texts.ts";

export const overview = {
  title: ["Overview", "概览"],
  fleet: ["Fleet", "实例总览"],
  attention: ["Needs attention", "需要关注"],
  allWell: ["Everything runs as it is declared.", "一切按声明运行。"],
  moreAttention: ["{count} more", "还有 {count} 个"],
  changes: ["Changed lately", "最近变更"],
  noChanges: ["Nothing yet.", "暂无变更。"],
  quota: ["Quota", "配额"],
  quotaUsed: ["{used} of {hard}", "{used} / {hard}"],
  unlimited: ["{used}, no limit", "{used}，无限制"],
  quota_instances: ["Instances", "实例"],
  quota_cpu: ["CPU", "CPU"],
  quota_memory: ["Memory", "内存"],
  quota_storage: ["Storage", "存储"],
  placed: ["Where they run", "运行位置"],
  types: ["By type", "按类型"],
} as const satisfies Texts;
