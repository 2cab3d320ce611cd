/** The parts of an instance's page, as its address names them. */
export const TABS = ["summary", "chat", "logs", "terminal", "metrics", "config", "consistency", "spec", "operations", "events"] as const;
export type Tab = (typeof TABS)[number];

export function isTab(name: string | undefined): name is Tab {
  return TABS.some((tab) => tab === name);
}
