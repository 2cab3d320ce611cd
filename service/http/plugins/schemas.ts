import fp from "fastify-plugin";
import { serializerCompiler, validatorCompiler } from "../validation.ts";

/** Requests and answers are what the contract's schemas say, and JSON alone. */
export const schemas = fp(
  async (app) => {
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    // Otherwise plain text would be a body too.
    app.removeContentTypeParser("text/plain");
  },
  { name: "schemas" },
);
