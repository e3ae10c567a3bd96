import { RemovalPolicy } from "aws-cdk-lib";
import { AttributeType, Billing, ProjectionType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Construct } from "constructs";
import { INDEX_KEYS, TABLE_KEY, TTL_ATTRIBUTE } from "../functions/store/keys.ts";

const keysOf = ({ partition, sort }: { partition: string; sort: string }) => ({
  partitionKey: { name: partition, type: AttributeType.STRING },
  sortKey: { name: sort, type: AttributeType.STRING },
});

/** The one table. It outlives its stack, and no mistake of the last 35 days is final. */
export class JobTable extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, fuse: { maxReadUnits: number; maxWriteUnits: number }) {
    super(scope, id);
    const most = { maxReadRequestUnits: fuse.maxReadUnits, maxWriteRequestUnits: fuse.maxWriteUnits };
    this.table = new TableV2(this, "Table", {
      ...keysOf(TABLE_KEY),
      billing: Billing.onDemand(most),
      timeToLiveAttribute: TTL_ATTRIBUTE,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      globalSecondaryIndexes: Object.entries(INDEX_KEYS).map(([indexName, keys]) => ({
        indexName,
        ...keysOf(keys),
        projectionType: ProjectionType.KEYS_ONLY,
        ...most,
      })),
    });
  }
}
