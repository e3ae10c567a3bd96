import { fileURLToPath } from "node:url";
import { CfnElement, type Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  ApplicationLogLevel,
  Architecture,
  type Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from "aws-cdk-lib/aws-lambda";
import { NodejsFunction } from "aws-cdk-lib/aws-lambda-nodejs";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { ENV } from "../functions/config.ts";
import { INDEX_KEYS } from "../functions/store/keys.ts";
import { BUNDLING } from "./bundling.ts";

export type LambdaProps = {
  /** File of functions/ whose `handler` it runs. */
  entry: string;
  description: string;
  timeout: Duration;
  table: TableV2;
  bucket: Bucket;
  reservedConcurrency?: number | undefined;
};

/** One of our functions: a role of its own with hand-written statements, and a log group that forgets. */
export class Lambda extends Construct {
  readonly lambda: LambdaFunction;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: LambdaProps) {
    super(scope, id);
    const { entry, description, timeout, table, bucket, reservedConcurrency } = props;
    const logGroup = new LogGroup(this, "Logs", {
      retention: RetentionDays.TWO_WEEKS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    this.lambda = new NodejsFunction(this, "Function", {
      entry: fileURLToPath(new URL(`../functions/${entry}`, import.meta.url)),
      description,
      timeout,
      role: this.#role,
      logGroup,
      bundling: BUNDLING,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 512,
      loggingFormat: LoggingFormat.JSON,
      // A line for each start and end would double what a request costs in logs.
      systemLogLevelV2: SystemLogLevel.WARN,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      environment: { [ENV.table]: table.tableName, [ENV.bucket]: bucket.bucketName },
      ...(reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
    });
    this.allow(["logs:CreateLogStream", "logs:PutLogEvents"], [logGroup.logGroupArn]);
    // No Scan: whatever is read is found by a key, and a mistake can't cost the whole table.
    this.allow(
      ["BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query", "UpdateItem"].map(
        (name) => `dynamodb:${name}`,
      ),
      [table.tableArn],
    );
    this.allow(
      ["dynamodb:Query"],
      Object.keys(INDEX_KEYS).map((name) => `${table.tableArn}/index/${name}`),
    );
    Validations.of(this).acknowledge(
      { id: "Serverless-LambdaTracing", reason: "A trace costs 25 times the request; the log line has the duration" },
      {
        id: "Serverless-LambdaDLQ",
        reason: "Callers wait for the answer, or the next minute does what this one did not",
      },
    );
  }

  allow(actions: string[], resources: string[], conditions?: Record<string, Record<string, string[]>>): void {
    this.#role.addToPolicy(
      new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions && { conditions }) }),
    );
  }

  /** Objects are named by account, job and hash: prefixes are as narrow as a role can be. */
  allowObjects(actions: string[], { bucket, prefixes }: { bucket: Bucket; prefixes: string[] }): void {
    this.allow(
      actions,
      prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
    );
    for (const prefix of prefixes) {
      const id = `AwsSolutions-IAM5[Resource::<${logicalId(bucket)}.Arn>/${prefix}*]`;
      Validations.of(this).acknowledge({ id, reason: "Keys name account, job and hash; two prefixes hold them all" });
    }
  }
}

function logicalId(bucket: Bucket): string {
  const { defaultChild } = bucket.node;
  if (!CfnElement.isCfnElement(defaultChild)) throw new Error(`${bucket.node.path} is no resource of a template`);
  return bucket.stack.getLogicalId(defaultChild);
}
