import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Validations } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { readSettings } from "../../cdk/settings.ts";
import { RendtStack } from "../../cdk/stack.ts";
import flags from "../../cdk.json" with { type: "json" };

type Synthesised = { template: Template };
type Options = { spoil?: (stack: RendtStack) => void };

/** The stack as `cdk synth` makes it, held to the rule packs; the code of the Lambdas is left out, because bundling takes a second. */
export function synth(context: Record<string, unknown> = {}, options: Options = {}): Synthesised {
  return inFolder((folder) => make(folder, { "aws:cdk:bundling-stacks": [], ...context }, options));
}

/** What is deployed of the two Lambdas. */
export function bundle(): { bytes: number; text: string }[] {
  return inFolder((folder) => {
    make(folder, {}, {});
    return readdirSync(folder)
      .filter((name) => name.startsWith("asset."))
      .map((name) => readFileSync(join(folder, name, "index.mjs"), "utf8"))
      .map((text) => ({ bytes: Buffer.byteLength(text), text }));
  });
}

function make(outdir: string, context: Record<string, unknown>, { spoil }: Options): Synthesised {
  const app = new App({ outdir, context: { ...flags.context, ...context } });
  const stack = new RendtStack(
    app,
    "rendt",
    readSettings((name) => app.node.tryGetContext(name)),
  );
  spoil?.(stack);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
  return { template: Template.fromStack(stack) };
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "rendt-synth-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A statement of a role's policy. */
export type Statement = {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
};
