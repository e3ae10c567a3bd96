// A blob server as a process of its own, so that it can be killed and weighed: FOLDER SECRET(hex). Prints its port.
import { createServer } from "node:http";
import { createDiskBlobs } from "../../../functions/blobs/disk.ts";
import { createBlobHandler } from "../../../functions/blobs/disk-http.ts";

const [folder = "", secret = ""] = process.argv.slice(2);
const blobs = await createDiskBlobs({ folder, secret: Buffer.from(secret, "hex"), clock: Date.now });
const handle = createBlobHandler(blobs, { onError: (error) => console.error(error) });
const server = createServer((request, response) => {
  // Anything else asks for the most memory that this process ever had, in bytes.
  if (!handle(request, response)) response.end(String(process.resourceUsage().maxRSS * 1024));
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())));
