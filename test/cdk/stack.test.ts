import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Match } from "aws-cdk-lib/assertions";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, it } from "vitest";
import { root } from "../repo/sources.ts";
import { bundle, type Statement, synth } from "./template.ts";

const { template } = synth();
const all = JSON.stringify(template.toJSON());
type Resource = { Properties: Record<string, unknown>; [name: string]: unknown };
const resources = (type: string): Record<string, Resource> =>
  Object.fromEntries(
    Object.entries<Resource & { Type: string }>(template.toJSON()["Resources"]).filter(([, { Type }]) => Type === type),
  );
const only = (type: string) => {
  const [found, ...more] = Object.values(resources(type));
  if (!found || more.length > 0) throw new Error(`not exactly one ${type}`);
  return found;
};
const policies = (): Statement[] =>
  Object.values(resources("AWS::IAM::Policy")).flatMap(
    ({ Properties }) => (Properties["PolicyDocument"] as { Statement: Statement[] }).Statement,
  );
const actionsOf = ({ Action }: Statement): string[] => [Action].flat();

describe("the table", () => {
  it("outlives the stack, can be set back to any second, and can't be deleted by accident", () => {
    const table = only("AWS::DynamoDB::GlobalTable");
    expect(table).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
    expect(table.Properties["Replicas"]).toMatchObject([
      { DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
    ]);
  });

  it("is paid by request, with a fuse on itself and on each index, which hold keys only", () => {
    const { Properties } = only("AWS::DynamoDB::GlobalTable");
    const writes = { WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: 4000 } };
    const reads = { ReadOnDemandThroughputSettings: { MaxReadRequestUnits: 4000 } };
    expect(Properties).toMatchObject({
      BillingMode: "PAY_PER_REQUEST",
      ...writes,
      TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
    });
    const indexes = Properties["GlobalSecondaryIndexes"] as Record<string, unknown>[];
    expect(indexes.map(({ IndexName }) => IndexName).sort()).toEqual(["byDue", "byOwner", "byQueue"]);
    for (const index of indexes)
      expect(index).toMatchObject({ ...writes, Projection: { ProjectionType: "KEYS_ONLY" } });
    const [replica] = Properties["Replicas"] as [Record<string, unknown>];
    expect(replica).toMatchObject(reads);
    const fused = replica["GlobalSecondaryIndexes"] as Record<string, unknown>[];
    expect(fused).toHaveLength(3);
    for (const index of fused) expect(index).toMatchObject(reads);
  });
});

describe("the bucket", () => {
  const refuses = (sid: string | undefined, Condition: object) =>
    template.hasResourceProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: "Deny", Principal: { AWS: "*" }, Condition, ...(sid && { Sid: sid }) }),
        ]),
      },
    });

  it("outlives the stack", () => {
    expect(only("AWS::S3::Bucket")).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
  });

  it("is open to nobody, encrypted, and has one owner", () => {
    expect(only("AWS::S3::Bucket").Properties).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
    });
  });

  it("refuses what is not sent over TLS", () => {
    refuses(undefined, { Bool: { "aws:SecureTransport": "false" } });
    refuses(undefined, { NumericLessThan: { "s3:TlsVersion": 1.2 } });
  });

  it("refuses signatures of over an hour, and to write over what is there", () => {
    refuses("OldGrants", { NumericGreaterThan: { "s3:signatureAge": "3600000" } });
    refuses("Overwriting", { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "true" } });
  });

  it("forgets given-up uploads after a day, inputs after their month and keeping, outputs after the longest keeping", () => {
    expect(only("AWS::S3::Bucket").Properties["LifecycleConfiguration"]).toEqual({
      Rules: [
        { Id: "given-up-uploads", Status: "Enabled", AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
        { Id: "inputs", Status: "Enabled", Prefix: "blob/", ExpirationInDays: 92 },
        { Id: "outputs", Status: "Enabled", Prefix: "out/", ExpirationInDays: 366 },
      ],
    });
  });

  it("answers scripts of the console only", () => {
    const cors = (bucket: { Properties: Record<string, unknown> }) =>
      (bucket.Properties["CorsConfiguration"] as { CorsRules: Record<string, unknown>[] }).CorsRules;
    const [rule] = cors(only("AWS::S3::Bucket"));
    expect(rule).toMatchObject({ AllowedMethods: ["GET", "HEAD", "PUT"] });
    expect(JSON.stringify(rule?.["AllowedOrigins"])).toContain("https://*.lambda-url.");
    const own = synth({ consoleOrigin: "https://jobs.example.org" }).template.findResources("AWS::S3::Bucket");
    expect(JSON.stringify(own)).toContain('"AllowedOrigins":["https://jobs.example.org"]');
  });
});

describe("what the Lambdas may do", () => {
  it("is named action by action, on resources of this stack", () => {
    for (const statement of policies()) {
      expect(actionsOf(statement).filter((action) => action.includes("*"))).toEqual([]);
      expect([statement.Resource].flat()).not.toContain("*");
    }
    expect(resources("AWS::IAM::ManagedPolicy")).toEqual({});
    expect(all).not.toContain("ManagedPolicyArns");
  });

  it("is neither to scan the table nor to list the bucket", () => {
    const actions = policies().flatMap(actionsOf);
    for (const action of ["dynamodb:Scan", "s3:ListBucket", "dynamodb:DeleteTable", "s3:PutObjectAcl"])
      expect(actions).not.toContain(action);
  });

  it("is to delete outputs and logs, and no input", () => {
    const deleting = policies().filter((each) => actionsOf(each).some((action) => action.startsWith("s3:Delete")));
    // One of each function: `rendt rm`, and the sweep.
    expect(deleting.map(actionsOf)).toEqual([["s3:DeleteObject"], ["s3:DeleteObject"]]);
    for (const { Resource } of deleting) expect(JSON.stringify(Resource)).toMatch(/^[^/]*"\/out\/\*"[^/]*$/);
  });

  it("is to reach the three prefixes of the bucket alone", () => {
    const objects = policies().filter((each) => actionsOf(each).some((action) => /^s3:.*(Object|Parts)$/.test(action)));
    expect(objects.length).toBeGreaterThan(0);
    for (const { Resource } of objects)
      for (const each of [Resource].flat()) expect(JSON.stringify(each)).toMatch(/"\/(blob|out|build)\/\*"/);
    const uploads = policies().find((each) => actionsOf(each).includes("s3:ListBucketMultipartUploads"));
    expect(uploads?.Condition).toEqual({ StringLike: { "s3:prefix": ["blob/*", "out/*", "build/*"] } });
  });

  it("for the schedule is to call the sweep, in the name of this account only", () => {
    const [invoke] = policies().filter((each) => actionsOf(each).includes("lambda:InvokeFunction"));
    expect(invoke?.Resource).toEqual({ "Fn::GetAtt": [expect.stringMatching(/^SweepLambdaFunction/), "Arn"] });
    template.hasResourceProperties("AWS::IAM::Role", {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Principal: { Service: "scheduler.amazonaws.com" },
            Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
          },
        ],
      },
    });
  });
});

describe("the Lambdas", () => {
  it("run on arm, on a Node that lives until 2028, and end before a caller gives up", () => {
    for (const { Properties } of Object.values(resources("AWS::Lambda::Function")))
      expect(Properties).toMatchObject({ Runtime: "nodejs24.x", Architectures: ["arm64"], MemorySize: 512 });
    const timeouts = Object.values(resources("AWS::Lambda::Function")).map(({ Properties }) => Properties["Timeout"]);
    expect(timeouts.sort()).toEqual([10, 55]);
  });

  it("are told names, and no secret", () => {
    for (const { Properties } of Object.values(resources("AWS::Lambda::Function"))) {
      const { Variables } = Properties["Environment"] as { Variables: Record<string, unknown> };
      expect(
        Object.keys(Variables)
          .filter((name) => name !== "AWS_NODEJS_CONNECTION_REUSE_ENABLED")
          .sort(),
      ).toEqual(["RENDT_BUCKET", "RENDT_TABLE"]);
      for (const value of Object.values(Variables)) if (typeof value === "string") expect(value).toMatch(/^1$/);
    }
    expect(all).not.toMatch(/rendt_(admin|submitter|worker)_|SecretString|BEGIN [A-Z ]*PRIVATE/);
  });

  it("keep their logs for two weeks", () => {
    const groups = Object.values(resources("AWS::Logs::LogGroup"));
    expect(groups.map(({ Properties }) => Properties["RetentionInDays"])).toEqual([14, 14]);
  });

  it("reserve nothing of the account unless told to", () => {
    expect(all).not.toContain("ReservedConcurrentExecutions");
    synth({ reservedConcurrency: "20" }).template.resourcePropertiesCountIs(
      "AWS::Lambda::Function",
      { ReservedConcurrentExecutions: 20 },
      1,
    );
  });

  it("are reached by the Function URL with both permissions that it needs, and by nobody else", () => {
    template.hasResourceProperties("AWS::Lambda::Url", { AuthType: "NONE" });
    const permissions = Object.values(resources("AWS::Lambda::Permission")).map(({ Properties }) => Properties);
    expect(permissions).toHaveLength(2);
    expect(permissions).toContainEqual(
      expect.objectContaining({ Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: "NONE" }),
    );
    expect(permissions).toContainEqual(
      expect.objectContaining({ Action: "lambda:InvokeFunction", Principal: "*", InvokedViaFunctionUrl: true }),
    );
  });

  it("sweep each minute, and a missed minute is not made up for", () => {
    template.hasResourceProperties("AWS::Scheduler::Schedule", {
      ScheduleExpression: "rate(1 minute)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: { RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
    });
  });
});

describe("what watches the stack", () => {
  it("names for each alarm a section of docs/deploy.md, and takes no more than the ten alarms that are free", () => {
    const alarms = Object.values(resources("AWS::CloudWatch::Alarm")).map(({ Properties }) => Properties);
    expect(alarms.length).toBeLessThanOrEqual(10);
    const page = readFileSync(join(root, "docs", "deploy.md"), "utf8");
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"));
    for (const { AlarmDescription } of alarms) expect(anchors).toContain(String(AlarmDescription).split("#")[1]);
  });

  it("hears of jobs that nobody takes from the sweep's own metric, after as long as the settings say", () => {
    const alarm = {
      Namespace: "Rendt",
      MetricName: "OldestWaiting",
      Dimensions: [{ Name: "FunctionName", Value: { Ref: Match.stringLikeRegexp("^SweepLambdaFunction") } }],
      Statistic: "Maximum",
      TreatMissingData: "notBreaching",
    };
    template.hasResourceProperties("AWS::CloudWatch::Alarm", { ...alarm, Threshold: 3600 });
    const { template: strict } = synth({ waitAlarmMinutes: "5" });
    strict.hasResourceProperties("AWS::CloudWatch::Alarm", { ...alarm, Threshold: 300 });
  });

  it("sends mail, and a budget warns, when there is somebody to write to", () => {
    expect(resources("AWS::SNS::Topic")).toEqual({});
    expect(resources("AWS::Budgets::Budget")).toEqual({});
    const { template: mailed } = synth({ alarmEmail: "ops@example.org", budgetDollars: "25" });
    mailed.hasResourceProperties("AWS::SNS::Subscription", { Protocol: "email", Endpoint: "ops@example.org" });
    mailed.hasResourceProperties("AWS::Budgets::Budget", {
      Budget: { BudgetLimit: { Amount: 25, Unit: "USD" } },
      NotificationsWithSubscribers: [50, 80, 100].map((Threshold) =>
        Match.objectLike({ Notification: Match.objectLike({ Threshold }) }),
      ),
    });
    mailed.allResourcesProperties("AWS::CloudWatch::Alarm", { AlarmActions: Match.anyValue() });
  });

  it("has a page when asked for", () => {
    expect(resources("AWS::CloudWatch::Dashboard")).toEqual({});
    synth({ dashboard: "true" }).template.resourceCountIs("AWS::CloudWatch::Dashboard", 1);
  });
});

describe("the synthesis", () => {
  it("uses no custom resource, which would bring code of its own", () => {
    expect(all).not.toMatch(/Custom::|AWS::CloudFormation::CustomResource/);
    expect(Object.keys(resources("AWS::Lambda::Function"))).toHaveLength(2);
  });

  it("fails when a rule of the packs is broken", () => {
    const spoil = (stack: ConstructorParameters<typeof Bucket>[0]) => void new Bucket(stack, "Careless");
    expect(() => synth({}, { spoil })).toThrow(/AwsSolutions-S10/);
  });

  it("tells every wrong setting at once", () => {
    const wrong = { stack: "no spaces", budgetDollars: "much", dashboard: "maybe" };
    expect(() => synth(wrong)).toThrow(/stack: .*budgetDollars: .*dashboard: /);
  });

  it("is the one that was looked at last", () => {
    const masked = JSON.stringify(template.toJSON(), null, 2).replace(/[0-9a-f]{64}/g, "<hash>");
    expect(masked).toMatchFileSnapshot("./rendt.template.snap");
  });

  it("bundles both Lambdas with all that they need, in less than 550 KB each", () => {
    const files = bundle();
    expect(files).toHaveLength(2);
    for (const { bytes, text } of files) {
      expect(bytes).toBeLessThanOrEqual(550_000);
      expect(/from"(?!node:)[@.\w/-]+"/.exec(text)?.[0]).toBeUndefined();
      // The SDK's search for credentials stayed out.
      expect(text.includes("the DynamoDB client was made without credentials")).toBe(true);
    }
  });
});
