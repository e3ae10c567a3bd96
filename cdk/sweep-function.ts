import { Duration, Stack } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import { INPUTS, OUTPUTS } from "../functions/blobs/keys.ts";
import { Lambda } from "./lambda.ts";

/** What time does to jobs: each minute a Lambda expires leases, starts what was delayed and removes what is past its keeping. */
export class SweepFunction extends Construct {
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, { table, bucket }: { table: TableV2; bucket: Bucket }) {
    super(scope, id);
    const sweep = new Lambda(this, "Lambda", {
      entry: "sweep.ts",
      description: "Rendt: expires leases, resumes what was interrupted, removes what is old",
      // Below the period, so that two never run at once.
      timeout: Duration.seconds(55),
      table,
      bucket,
    });
    // It resumes releases, which look whether the inputs are there.
    sweep.allowObjects(["s3:GetObject"], { bucket, prefixes: [INPUTS] });
    // And removes jobs whose retention is over.
    sweep.allowObjects(["s3:DeleteObject"], { bucket, prefixes: [OUTPUTS] });
    this.lambda = sweep.lambda;

    const { account } = Stack.of(this);
    const role = new Role(this, "ScheduleRole", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": account } },
      }),
    });
    role.addToPolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [this.lambda.functionArn] }));
    new CfnSchedule(this, "Schedule", {
      description: "Rendt: the sweep, each minute",
      scheduleExpression: "rate(1 minute)",
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: this.lambda.functionArn,
        roleArn: role.roleArn,
        // The next minute does what this one missed.
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      },
    });
  }
}
