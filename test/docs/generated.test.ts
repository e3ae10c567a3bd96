import { join } from "node:path";
import { expect, it } from "vitest";
import { read, root } from "../repo/sources.ts";
import { fillPage } from "./generate.ts";

for (const page of ["README.md", "docs/api.md", "docs/errors.md"]) {
  it(`${page} says what the code says (npx vitest run test/docs/generated.test.ts -u writes it anew)`, async () => {
    expect(read(page)).toContain("<!-- generated: ");
    await expect(fillPage(read(page))).toMatchFileSnapshot(join(root, page));
  });
}
