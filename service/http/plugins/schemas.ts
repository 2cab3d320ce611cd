import fp from "fastify-plugin";
import { serializerCompiler, validatorCompiler } from "../validation.ts";

/** Requests and answers are what the contract's schemas say, and JSON alone. */
export const schemas = fp(
  async (app) => {
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    // Otherwise plain text would be a body too.
    app.removeContentTypeParser(["text/plain", "application/json"]);
    const parse = app.getDefaultJsonParser("error", "error");
    app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
      // Many clients say that what they send is JSON when they send nothing. Whether that is enough is for the route's schema.
      if (body.length === 0) {
        done(null, undefined);
      } else {
        parse(request, String(body), done);
      }
    });
  },
  { name: "schemas" },
);
