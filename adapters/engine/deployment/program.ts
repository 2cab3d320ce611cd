import type { ServiceError } from "@grpc/grpc-js";
import { credentials } from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import type { OperationRequest } from "../operation.ts";

const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;

/** Runs the inline program behind `address`. @throws what the program threw; nothing when it failed after reporting the error itself. */
export async function runProgram(request: OperationRequest, address: string, monitorAddress: string): Promise<void> {
  const client = new languageGrpc.LanguageRuntimeClient(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  });
  try {
    const response = await new Promise<languagePb.RunResponse>((resolve, reject) => {
      client.run(runRequest(request, monitorAddress), (error: ServiceError | null, ran: languagePb.RunResponse) => {
        if (error) {
          reject(new Error(error.details || error.message));
        } else {
          resolve(ran);
        }
      });
    });
    if (response.getBail()) {
      throw new ProgramBailedError();
    }
    if (response.getError()) {
      throw new Error(`an unhandled error occurred: ${response.getError()}`);
    }
  } finally {
    client.close();
  }
}

/** The program failed and has told why. */
export class ProgramBailedError extends Error {
  constructor() {
    super("run bailed");
    this.name = "ProgramBailedError";
  }
}

function runRequest(request: OperationRequest, monitorAddress: string): languagePb.RunRequest {
  const message = new languagePb.RunRequest()
    .setProject(request.ref.project)
    .setStack(request.ref.stack)
    .setOrganization("organization")
    .setPwd(process.cwd())
    .setProgram(".")
    // The Monitor serves Pulumi's Engine service too.
    .setArgsList([monitorAddress])
    .setMonitorAddress(monitorAddress)
    .setDryrun(request.dryRun)
    // 1 would make the SDK serialise all stacks of the process; the engine keeps to the width itself.
    .setParallel(Math.max(2, request.options.parallel));
  const config = message.getConfigMap();
  const secretKeys: string[] = [];
  for (const [key, { value, secret }] of request.config) {
    config.set(key, value);
    if (secret) {
      secretKeys.push(key);
    }
  }
  return message.setConfigsecretkeysList(secretKeys);
}
