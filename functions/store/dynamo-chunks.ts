import { ConditionalCheckFailedException, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { assertChunk, chunksFrom, takeChunks } from "./chunk.ts";
import { chunksOf, key, parts } from "./dynamo-items.ts";
import { type Reach, removeAll, walk } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import { TTL_ATTRIBUTE } from "./keys.ts";
import type { LogChunk, Store } from "./port.ts";

/** Offsets in key order; the widest safe integer has 16 digits. */
const offsetKey = (offset: number): string => String(offset).padStart(16, "0");

/** Log streams: a partition each, an item per chunk, dropped by DynamoDB itself after its time. */
export function createChunks(reach: Reach): Pick<Store, "appendChunk" | "readChunks" | "removeChunks"> {
  async function* walkFrom(stream: string, lowest: number): AsyncGenerator<LogChunk, void, undefined> {
    const above = lowest < 0 ? "" : offsetKey(lowest);
    for await (const item of walk(reach, chunksOf(stream), { above })) {
      const { sk, data } = parts.chunk.parse(item);
      yield { offset: sk, data };
    }
  }

  return {
    async appendChunk(stream, chunk, { now, keepMs }) {
      assertChunk(stream, chunk);
      const put = new PutItemCommand({
        TableName: reach.table,
        Item: {
          ...key(chunksOf(stream), offsetKey(chunk.offset)),
          data: { B: chunk.data },
          [TTL_ATTRIBUTE]: { N: String(Math.ceil((now + keepMs) / 1000)) },
        },
        ConditionExpression: "attribute_not_exists(#pk)",
        ExpressionAttributeNames: { "#pk": "pk" },
      });
      await persist(async () => {
        try {
          await reach.client.send(put);
        } catch (cause) {
          if (!(cause instanceof ConditionalCheckFailedException)) throw cause;
        }
      });
    },
    readChunks: (stream, after, limitBytes) => takeChunks(walkFrom(stream, chunksFrom(after)), after, limitBytes),
    removeChunks: (stream) => removeAll(reach, chunksOf(stream)),
  };
}
