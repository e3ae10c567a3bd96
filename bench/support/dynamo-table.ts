import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type KeySchemaElement,
} from "@aws-sdk/client-dynamodb";
import { INDEX_KEYS, TABLE_KEY } from "../../functions/store/keys.ts";

const schema = ({ partition, sort }: { partition: string; sort: string }): KeySchemaElement[] => [
  { AttributeName: partition, KeyType: "HASH" },
  { AttributeName: sort, KeyType: "RANGE" },
];

/** The table as cdk describes it: all keys are strings, the indexes hold keys only. */
export async function createTable(client: DynamoDBClient, table: string): Promise<void> {
  const keys = [TABLE_KEY, ...Object.values(INDEX_KEYS)].flatMap(({ partition, sort }) => [partition, sort]);
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: schema(TABLE_KEY),
      GlobalSecondaryIndexes: Object.entries(INDEX_KEYS).map(([IndexName, key]) => ({
        IndexName,
        KeySchema: schema(key),
        Projection: { ProjectionType: "KEYS_ONLY" },
      })),
    }),
  );
  // The SDK's own waiter looks once a second at most.
  const status = async () => (await client.send(new DescribeTableCommand({ TableName: table }))).Table?.TableStatus;
  while ((await status()) !== "ACTIVE") await sleep(5);
}

export async function dropTable(client: DynamoDBClient, table: string): Promise<void> {
  await client.send(new DeleteTableCommand({ TableName: table }));
}
