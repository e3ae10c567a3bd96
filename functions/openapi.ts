import * as z from "zod";
import { ERRORS, errorBody } from "../contract/errors.ts";
import { OPERATIONS, type Operation, type OperationName } from "../contract/operations.ts";

type Json = Record<string, unknown>;

/** Any operation may be refused with these. */
const COMMON = ["bad_request", "malformed_json", "unknown_field", "upgrade_needed", "internal", "unavailable"] as const;
const WITH_TOKEN = ["token_in_url", "no_token", "bad_token", "token_expired", "token_revoked", "wrong_role"] as const;
const WITH_BODY = ["body_too_large"] as const;

/** The HTTP contract as an OpenAPI 3.1 document, made from the operations table alone. */
export function createOpenApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, operation] of Object.entries(OPERATIONS) as [OperationName, Operation][]) {
    const path = operation.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(name, operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Rendt",
      version,
      summary: "A job marketplace: submit a command with files, a spare machine runs it",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { Error: schemaOf(errorBody, "output") },
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "rendt_<role>_<id>_<secret>_<crc>" } },
    },
  };
}

function describe(name: string, operation: Operation): Json {
  const fromPath = [...operation.path.matchAll(/:(\w+)/g)].map(([, parameter]) => ({
    name: parameter,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const isGet = operation.method === "GET";
  return {
    operationId: name,
    summary: operation.summary,
    security: operation.roles.length > 0 ? [{ token: [] }] : [],
    ...(operation.roles.length > 0 && { description: `For tokens of the role ${operation.roles.join(", ")}.` }),
    parameters: [...fromPath, ...(isGet ? queryOf(operation.request) : [])],
    ...(!isGet && { requestBody: { required: true, content: json(schemaOf(operation.request, "input")) } }),
    responses: {
      "200": { description: "Done", content: json(schemaOf(operation.answer, "output")) },
      ...refusals(operation),
    },
  };
}

/** Parameters travel as text; their schema says what the text has to spell. */
function queryOf(request: Operation["request"]): Json[] {
  return Object.entries(request.unwrap().shape).map(([name, schema]) => ({
    name,
    in: "query",
    required: !z.safeParse(schema, undefined).success,
    schema: schemaOf(schema, "output"),
  }));
}

function refusals(operation: Operation): Json {
  const codes = [
    ...operation.errors,
    ...COMMON,
    ...(operation.roles.length > 0 ? WITH_TOKEN : []),
    ...(operation.method === "GET" ? [] : WITH_BODY),
  ];
  const byStatus = new Map<number, Set<string>>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const answers = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    answers.map(([status, found]) => [
      String(status),
      {
        description: [...found].join(", "),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    ]),
  );
}

const json = (schema: Json): Json => ({ "application/json": { schema } });

function schemaOf(schema: z.core.$ZodType, io: "input" | "output"): Json {
  // What only code can check (a path's form, the sum of an environment) is left open, as OpenAPI can't say it.
  const { $schema: _, ...found } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return found;
}
