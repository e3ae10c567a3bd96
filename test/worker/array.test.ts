import { expect, it } from "vitest";
import { openMarketplace } from "./marketplace.ts";
import { textOf } from "./read-log.ts";

it("runs every task of an array once, with its index", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const id = await market.submit({
    command: ["sh", "-c", "echo $RENDT_TASK {}"],
    array: { start: 3, step: 2, count: 120 },
  });
  expect(await market.ended(id)).toMatchObject({ status: "finished", tasks: { succeeded: 120 } });
  const results = await market.results(id);
  expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 120 }, (_, at) => 3 + 2 * at));
  expect(results.map((result) => textOf(result))).toEqual(results.map(({ index }) => `${index} ${index}\n`));
});

it("gives each task its item, in the command and in the environment", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const items = ["a b", "$HOME", "{}", ""];
  const command = ["sh", "-c", 'printf "%s|%s|%s" "$1" "$RENDT_ITEM" "$RENDT_TASK"', "sh", "<{}>"];
  const id = await market.submit({ command, items, array: { count: 4 } });
  await market.ended(id);
  expect((await market.results(id)).map((result) => textOf(result))).toEqual(
    items.map((item, at) => `<${item}>|${item}|${at}`),
  );
});

it("tries a failed task again and counts the tries", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const id = await market.submit({ command: ["sh", "-c", 'echo try $RENDT_TRY; test "$RENDT_TRY" = 2'], retries: 3 });
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
  const [result] = await market.results(id);
  expect(result && textOf(result)).toBe("try 2\n");
}, 60_000);

it("keeps the outputs of each task of an array apart", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const id = await market.submit({
    command: ["sh", "-c", "echo $RENDT_TASK > out"],
    outputs: ["out"],
    array: { count: 20 },
  });
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
  const data = (await market.results(id)).map(({ outputs }) => {
    if (!outputs || !("manifest" in outputs)) throw new Error("no manifest");
    return Buffer.from(outputs.manifest.packs[0]?.data ?? "", "base64").toString();
  });
  expect(data).toEqual(Array.from({ length: 20 }, (_, at) => `${at}\n`));
});

it("runs many single jobs at once, each once, on few slots", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const ids = await Promise.all(
    Array.from({ length: 60 }, (_, at) => market.submit({ command: ["echo", String(at)] })),
  );
  const ended = await Promise.all(ids.map((id) => market.ended(id)));
  expect(ended.map(({ status }) => status)).toEqual(ids.map(() => "finished"));
  const texts = await Promise.all(ids.map(async (id) => (await market.results(id)).map((result) => textOf(result))));
  expect(texts).toEqual(ids.map((_, at) => [`${at}\n`]));
});
