import { z } from "zod";

/** Schemas would compile themselves otherwise, and the page's security policy lets nothing do that. It has to come before the first schema. */
z.config({ jitless: true });
