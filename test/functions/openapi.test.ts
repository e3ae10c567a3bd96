import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, it } from "vitest";
import { OPERATIONS } from "../../contract/operations.ts";
import { createOpenApi } from "../../functions/openapi.ts";
import { createTestWorld } from "../support/world.ts";

it("the server describes itself by a valid OpenAPI 3.1 document", async () => {
  const world = await createTestWorld();
  const answer = await world.app.request("/openapi.json");
  const document = await answer.json();
  await world.close();
  const validator = new Validator();
  expect(await validator.validate(document)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

it("the document has every operation, with its roles and errors", () => {
  const document = JSON.parse(JSON.stringify(createOpenApi("1")));
  const found = Object.values(document.paths).flatMap((methods) => Object.values(methods as object));
  expect(found.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(OPERATIONS).sort());
  const claim = document.paths["/v1/leases/claim"].post;
  expect(claim.security).toEqual([{ token: [] }]);
  expect(claim.responses["409"].description).toBe("not_released, not_available");
  expect(document.paths["/v1/jobs/{id}/outputs"].get.parameters.map(({ name }: { name: string }) => name)).toEqual([
    "id",
    "from",
    "upTo",
    "status",
    "limit",
    "cursor",
  ]);
});
