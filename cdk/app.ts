import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { readSettings } from "./settings.ts";
import { RendtStack } from "./stack.ts";

/** The program that `cdk` runs, and the only reader of its context. */
const app = new App();
const settings = readSettings((name) => app.node.tryGetContext(name));
new RendtStack(app, settings.stack, settings);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
app.synth();
