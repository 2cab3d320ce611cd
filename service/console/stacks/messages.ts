import type { Texts } from "../app/texts.ts";

/** Of what the engine keeps of a tenant's instances in one cluster. */
export const stacks = {
  title: ["Stacks", "资源栈"],
  note: [
    "What the engine has made of a tenant's instances, one stack per cluster, and each of its operations.",
    "引擎为租户实例创建的资源（每个集群一个栈）及其每次操作。",
  ],
  history: ["Operations", "操作历史"],
  historyNone: ["No operation yet: a stack is made with its first instance.", "尚无操作：首个实例创建时会建立资源栈。"],
  resources: ["Resources", "资源"],
  resourcesHelp: ["As the stack's state has them. Reading it is on record.", "栈状态中的资源。读取会被记录到审计日志。"],
  resourcesShow: ["Show", "显示"],
  count: ["{count} resources", "{count} 个资源"],
  pending: ["{count} steps were cut off and are looked into by the next operation.", "{count} 个步骤被中断，下次操作会处理。"],
  result_succeeded: ["done", "成功"],
  result_failed: ["failed", "失败"],
  "result_in-progress": ["under way", "进行中"],
  took: ["{seconds} s", "{seconds} 秒"],
  act_refresh: ["Refresh", "刷新"],
  act_cancel: ["Stop the operation", "停止操作"],
  act_unlock: ["Unlock", "解锁"],
  ask_refresh: ["Refresh {name}?", "刷新 {name}？"],
  ask_cancel: ["Stop what runs on {name}?", "停止 {name} 上的操作？"],
  ask_unlock: ["Unlock {name}?", "解锁 {name}？"],
  help_refresh: ["What there is is read, and what is not as declared is recorded as drift.", "读取实际状态，并将与声明不符之处记为偏移。"],
  help_cancel: [
    "Steps under way end first. What is left half done, the next operation looks into.",
    "正在进行的步骤会先完成；未完成部分由下次操作处理。",
  ],
  help_unlock: [
    "For a worker that is gone: the stack is taken from it at once. One that is still there can write nothing more.",
    "用于已失联的工作进程：立即收回其锁，它将无法再写入。",
  ],
  told: ["{name}: done", "{name}：已完成"],
} as const satisfies Texts;
