/** Providers that OpenClaw 2026.9 knows without a base URL; any other must bring one. */
const BUNDLED: ReadonlySet<string> = new Set(
  `amazon-bedrock amazon-bedrock-mantle anthropic anthropic-vertex arcee azure-openai-responses byteplus byteplus-plan
  cerebras chutes claude-cli clawrouter cloudflare-ai-gateway codex comfy copilot-proxy dashscope deepinfra deepseek fal
  fireworks github-copilot gmi gmi-cloud gmicloud google google-antigravity google-gemini-cli google-vertex groq
  huggingface kilocode kimi kimi-coding litellm lmstudio meta microsoft-foundry minimax minimax-portal mistral modelstudio
  moonshot moonshot-ai moonshotai nvidia novita novita-ai novitaai ollama ollama-cloud openai opencode opencode-go
  openrouter qianfan qwen qwen-token-plan qwencloud sglang stepfun stepfun-plan synthetic tencent-tokenhub
  tencent-tokenplan together venice vercel-ai-gateway vllm volcengine volcengine-plan vydra x-ai xai xiaomi
  xiaomi-token-plan z.ai z-ai zai`.split(/\s+/),
);

/** Makers whose model names give their provider away. */
const BY_NAME: readonly (readonly [pattern: RegExp, provider: string])[] = [
  [/^claude/, "anthropic"],
  [/^(gpt-|chatgpt-|o\d)/, "openai"],
  [/^gemini/, "google"],
  [/^deepseek/, "deepseek"],
  [/^grok/, "xai"],
  [/^(mistral|codestral|magistral)/, "mistral"],
  [/^kimi/, "moonshot"],
];

/** Providers whose own wire protocol is not OpenAI's. */
const PROTOCOLS: Readonly<Record<string, string>> = { anthropic: "anthropic-messages", google: "google-generative-ai" };

export const CUSTOM_PROVIDER = "custom";

export function isBundledProvider(provider: string): boolean {
  return BUNDLED.has(provider.trim().toLowerCase());
}

/** The provider of a model that is named without one. */
export function providerOfModel(name: string): string | undefined {
  return BY_NAME.find(([pattern]) => pattern.test(name.toLowerCase()))?.[1];
}

export function protocolOf(provider: string): string {
  return PROTOCOLS[provider] ?? "openai-completions";
}
