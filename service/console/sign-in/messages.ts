import type { Texts } from "../app/texts.ts";

export const signIn = {
  tagline: ["One control plane for a fleet of claws.", "统一管理所有 Claw 的控制平面。"],
  with: ["Sign in with {label}", "使用 {label} 登录"],
  or: ["or with a token", "或使用令牌"],
  token: ["Access token", "访问令牌"],
  tokenHelp: [
    "Of a service account, or the administrator's. It is exchanged for a cookie that no script reads, and kept nowhere.",
    "服务账号或管理员的令牌。它会被换成脚本无法读取的 Cookie，不会保存在任何地方。",
  ],
  submit: ["Sign in", "登录"],
  entering: ["Signing you in by the link…", "正在通过链接登录…"],
  linkFailed: ["The link did not work", "链接无效"],
  anotherLink: ["On the host of the service, this prints another one:", "在服务所在主机上运行以下命令可获取新链接："],
} as const satisfies Texts;
