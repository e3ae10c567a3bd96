import { Duration } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { FunctionUrlAuthType, type Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { BUILDS, INPUTS, OUTPUTS } from "../functions/blobs/keys.ts";
import { Lambda } from "./lambda.ts";

type Props = { table: TableV2; bucket: Bucket; reservedConcurrency?: number | undefined };

/** The HTTP API: one Lambda behind a Function URL, which costs nothing by the request. */
export class ApiFunction extends Construct {
  readonly lambda: LambdaFunction;
  readonly url: string;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    const { bucket } = props;
    const api = new Lambda(this, "Lambda", {
      ...props,
      entry: "api.ts",
      description: "Rendt: the HTTP API",
      timeout: Duration.seconds(10),
    });
    const prefixes = [INPUTS, OUTPUTS, BUILDS];
    // It signs grants, so it must be allowed what they allow. No ListBucket: S3 then answers 403 for what is missing.
    api.allowObjects(["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts"], { bucket, prefixes });
    // `rendt rm`. Inputs are shared: they go by their month, and nobody may delete one.
    api.allowObjects(["s3:DeleteObject"], { bucket, prefixes: [OUTPUTS] });
    api.allow(["s3:ListBucketMultipartUploads"], [bucket.bucketArn], {
      StringLike: { "s3:prefix": prefixes.map((prefix) => `${prefix}*`) },
    });
    this.lambda = api.lambda;
    // Whoever has no token gets no further than auth.ts; IAM would need AWS credentials on every laptop.
    this.url = this.lambda.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }).url;
  }
}
