import { ConditionalCheckFailedException, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { assertChunk, chunksFrom, takeChunks } from "./chunk.ts";
import { belongingsOf, chunkKey, key, parts } from "./dynamo-items.ts";
import { type Reach, walk } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import { TTL_ATTRIBUTE } from "./keys.ts";
import type { LogChunk, Store, StreamKey } from "./port.ts";

/** Log streams: an item per chunk, dropped by DynamoDB itself after its time. */
export function createChunks(reach: Reach): Pick<Store, "appendChunk" | "readChunks"> {
  async function* walkFrom({ job, run }: StreamKey, lowest: number): AsyncGenerator<LogChunk, void, undefined> {
    const between = [chunkKey(run, lowest + 1), chunkKey(run, Number.MAX_SAFE_INTEGER)] as const;
    for await (const item of walk(reach, belongingsOf(job), { between })) {
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
          ...key(belongingsOf(stream.job), chunkKey(stream.run, chunk.offset)),
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
  };
}
