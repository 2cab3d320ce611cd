/** What a state means to whoever looks: told by colour, by shape and by word. */
export type Tone = "good" | "busy" | "warn" | "bad" | "off" | "gone";
