import { CastPartSchema, CastQuerySchema, RecordingPageSchema, RecordingQuerySchema, RecordingSchema } from "../recordings.ts";
import { idParams, type Route } from "../route.ts";

export const recordingRoutes = {
  "recordings.list": {
    method: "GET",
    path: "/recordings",
    summary: "List recordings of terminals inside instances, newest first",
    scope: "tenant",
    permission: "audit.read",
    query: RecordingQuerySchema,
    success: 200,
    response: RecordingPageSchema,
  },
  "recordings.get": {
    method: "GET",
    path: "/recordings/:id",
    summary: "Say whose terminal a recording is of, and when",
    params: idParams,
    scope: "tenant",
    permission: "audit.read",
    success: 200,
    response: RecordingSchema,
    errors: ["recording.not_found"],
  },
  "recordings.read": {
    method: "GET",
    path: "/recordings/:id/cast",
    summary: "Read what a terminal has shown, part by part, as asciicast v2",
    params: idParams,
    scope: "tenant",
    permission: "audit.read",
    query: CastQuerySchema,
    success: 200,
    response: CastPartSchema,
    errors: ["recording.not_found"],
  },
} as const satisfies Record<string, Route>;
