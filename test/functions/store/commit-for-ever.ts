// Commits pairs of records, several at a time, and prints the number of each pair once its commit is answered. It is killed from outside.
import { writeSync } from "node:fs";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { aJob, newJob } from "./records.ts";

const [file = "", first = "0"] = process.argv.slice(2);
const store = createSqliteStore({ file });
writeSync(1, "open\n");
let next = Number(first);

async function caller(): Promise<never> {
  for (;;) {
    const n = next++;
    const pair = [newJob(aJob(`ja${n}`)), newJob(aJob(`jb${n}`))];
    if ((await store.commit(pair)) !== "ok") throw new Error(`pair ${n} was there already`);
    writeSync(1, `${n}\n`);
  }
}
await Promise.all(Array.from({ length: 16 }, caller));
