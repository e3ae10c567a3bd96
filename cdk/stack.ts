import { CfnOutput, Stack, Tags } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Alarms } from "./alarms.ts";
import { ApiFunction } from "./api-function.ts";
import { BlobBucket } from "./blob-bucket.ts";
import { Budget } from "./budget.ts";
import { Dashboard } from "./dashboard.ts";
import { JobTable } from "./job-table.ts";
import type { Settings } from "./settings.ts";
import { SweepFunction } from "./sweep-function.ts";

/** A whole marketplace: what is not in use costs nothing, and what cannot be made again is kept when the stack goes. */
export class RendtStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id, {
      description: "Rendt: a job marketplace without a server to look after",
      terminationProtection: true,
    });
    Tags.of(this).add("rendt", id);

    const { table } = new JobTable(this, "Table", settings);
    const { bucket } = new BlobBucket(this, "Bucket", settings);
    const api = new ApiFunction(this, "Api", { table, bucket, ...settings });
    const sweep = new SweepFunction(this, "Sweep", { table, bucket });

    const watched = { table, api: api.lambda, sweep: sweep.lambda };
    new Alarms(this, "Alarms", { ...watched, ...settings, email: settings.alarmEmail });
    if (settings.alarmEmail !== undefined) {
      new Budget(this, "Budget", { email: settings.alarmEmail, dollars: settings.budgetDollars });
    }
    if (settings.dashboard) new Dashboard(this, "Dashboard", watched);

    new CfnOutput(this, "Url", { value: api.url, description: "What `rendt login` and workers are given" });
    new CfnOutput(this, "ApiFunction", { value: api.lambda.functionName, description: "For `rendt login --stack`" });
    new CfnOutput(this, "TableName", { value: table.tableName });
    new CfnOutput(this, "BucketName", { value: bucket.bucketName });
  }
}
