import { Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { BlockPublicAccess, Bucket, BucketEncryption, HttpMethods, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { INPUTS, OUTPUTS } from "../functions/blobs/keys.ts";
import { LIFECYCLE_DAYS } from "../functions/config.ts";

/** Twice the life of a grant: whatever signed it, a URL older than this is refused by the bucket itself. */
const OLDEST_SIGNATURE_MS = 3_600_000;

/** Where bytes lie. Private in every respect: the only way in is a grant. It outlives its stack. */
export class BlobBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { consoleOrigin }: { consoleOrigin?: string | undefined }) {
    super(scope, id);
    const { region } = Stack.of(this);
    this.bucket = new Bucket(this, "Bucket", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: "given-up-uploads", abortIncompleteMultipartUploadAfter: Duration.days(1) },
        { id: "inputs", prefix: INPUTS, expiration: Duration.days(LIFECYCLE_DAYS.inputs) },
        { id: "outputs", prefix: OUTPUTS, expiration: Duration.days(LIFECYCLE_DAYS.outputs) },
      ],
      cors: [
        {
          allowedMethods: [HttpMethods.GET, HttpMethods.HEAD, HttpMethods.PUT],
          // The Function URL is not known before the function, which has to know the bucket: hence any of the region's.
          allowedOrigins: [consoleOrigin ?? `https://*.lambda-url.${region}.on.aws`],
          allowedHeaders: ["content-type", "if-none-match", "range", "x-amz-checksum-sha256"],
          exposedHeaders: ["ETag", "x-amz-checksum-sha256"],
          maxAge: 3600,
        },
      ],
    });
    this.#refuse("OldGrants", "s3:*", { NumericGreaterThan: { "s3:signatureAge": String(OLDEST_SIGNATURE_MS) } });
    // Parts of an upload carry no if-none-match; completing it does.
    this.#refuse("Overwriting", "s3:PutObject", {
      Null: { "s3:if-none-match": "true" },
      Bool: { "s3:ObjectCreationOperation": "true" },
    });
    Validations.of(this.bucket).acknowledge({
      id: "AwsSolutions-S1",
      reason:
        "Access logs would cost more than the requests that they tell of; CloudTrail data events can be turned on",
    });
  }

  #refuse(sid: string, action: string, conditions: Record<string, Record<string, string>>): void {
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: [action],
        resources: [this.bucket.arnForObjects("*")],
        conditions,
      }),
    );
  }
}
