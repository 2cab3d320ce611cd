import type { Texts } from "../app/texts.ts";

export const audit = {
  title: ["Audit log", "审计日志"],
  note: ["Who did what, hash-chained and signed.", "谁做了什么，哈希链并签名。"],
  by_actor: ["Actor", "操作者"],
  by_action: ["Action: instance.stop, instance…", "操作：instance.stop、instance…"],
  by_resource: ["Resource: name or Kind/name", "资源：名称或 Kind/名称"],
  result: ["Result", "结果"],
  anyResult: ["Any result", "所有结果"],
  success: ["Done", "成功"],
  refused: ["Refused", "被拒绝"],
  verify: ["Verify", "校验"],
  valid: ["{count} records verified: nothing was changed, taken out or cut off.", "已校验 {count} 条记录：无篡改、删除或截断。"],
  invalid: ["The log was tampered with: {message}", "日志被篡改：{message}"],

  none: ["No record matches.", "没有匹配的记录。"],
  more: ["Show older ones", "显示更早的记录"],
  from: ["from", "来自"],
} as const satisfies Texts;
