// Downloads the tree that is told on the command line, as a program of its own that can be killed.
import { createClient } from "../../contract/client.ts";
import { download } from "../../files/download.ts";
import { createNodeHttp } from "../../files/node-http.ts";

const [url = "", tree = "", into = ""] = process.argv.slice(2);
const http = createNodeHttp();
const client = createClient({ url, transport: http.transport });
await download(JSON.parse(tree), into, {
  client,
  http,
  url,
  entryOf: (blob) => ({ use: "output", job: "j", index: 0, blob }),
});
http.close();
